# Staging: beside production in one project, or in a project of its own. Nothing here is secret.
project    = "my-project"
region     = "europe-west1"
deployment = "staging"

mail_providers = {
  google = { client_id = "0000000000-xxxxxxxx.apps.googleusercontent.com" }
}

auth = {
  issuer   = "https://login.staging.example.com/"
  audience = "mailbridge"
  jwks_url = "https://login.staging.example.com/.well-known/jwks.json"
}

allowed_origins = ["https://crm.staging.example.com"]

sync_interval_seconds = 900

backup_days       = 0
delete_protection = false
