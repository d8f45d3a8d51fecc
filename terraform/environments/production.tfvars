# Production. Nothing here is secret; the secrets of the OAuth clients are filled in by hand (README.md).
project = "my-project"
region  = "europe-west1"

mail_providers = {
  google    = { client_id = "0000000000-xxxxxxxx.apps.googleusercontent.com" }
  microsoft = { client_id = "00000000-0000-0000-0000-000000000000" }
}

auth = {
  issuer   = "https://login.example.com/"
  audience = "mailbridge"
  jwks_url = "https://login.example.com/.well-known/jwks.json"
}

allowed_origins = ["https://crm.example.com"]
alert_emails    = ["ops@example.com"]

sync_interval_seconds = 300
