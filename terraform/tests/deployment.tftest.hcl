# What must hold whatever functions.yaml says. Run: terraform init -backend=false && terraform test

mock_provider "google" {
  # Where a name is checked for its form, any text would not do.
  mock_resource "google_service_account" {
    defaults = {
      name   = "projects/acme-mail/serviceAccounts/some@acme-mail.iam.gserviceaccount.com"
      email  = "some@acme-mail.iam.gserviceaccount.com"
      member = "serviceAccount:some@acme-mail.iam.gserviceaccount.com"
    }
  }
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

variables {
  project = "acme-mail"
  mail_providers = {
    google    = { client_id = "1-a.apps.googleusercontent.com" }
    microsoft = { client_id = "00000000-0000-0000-0000-000000000001" }
  }
  auth = {
    issuer   = "https://login.example.com/"
    audience = "mailbridge"
    jwks_url = "https://login.example.com/jwks.json"
  }
}

run "bundles" {
  module {
    source = "./tests/bundles"
  }
}

run "deployment" {
  variables {
    bundles = run.bundles.folder
  }

  assert {
    condition     = toset(keys(module.function)) == toset(keys(local.map.functions))
    error_message = "Each function of functions.yaml is deployed, and no other."
  }

  assert {
    condition     = alltrue([for one in local.functions : one.public == (one.trigger == "http")])
    error_message = "Exactly the functions for users are public."
  }

  assert {
    condition = alltrue([
      for name, one in local.functions :
      module.function[name].callers == toset([one.public ? "allUsers" : "serviceAccount:${google_service_account.invoker[coalesce(one.queue, "schedule")].email}"])
      if one.public || one.trigger != "http"
    ])
    error_message = "A private function has no allUsers, but the account of its own caller."
  }

  assert {
    condition = alltrue([
      for name, one in local.functions :
      try(local.environments[name].INVOKER_AUDIENCE, null) == (one.trigger == "http" ? null : output.function_urls[name])
    ])
    error_message = "A private function's audience is its own URL; the others have none."
  }

  assert {
    condition = alltrue([
      for name, one in local.functions :
      module.function[name].schedule == (one.trigger == "schedule" ? { schedule = one.schedule, audience = output.function_urls[name] } : null)
    ])
    error_message = "Each scheduled function has a job that shows a token for its own URL, and no other has one."
  }

  assert {
    condition     = output.redirect_uri == "https://europe-west1-acme-mail.cloudfunctions.net/oauth_callback"
    error_message = "The redirect URI is where oauth_callback is called."
  }

  assert {
    condition     = google_firestore_database.documents.deletion_policy == "ABANDON"
    error_message = "terraform destroy leaves the database."
  }

  assert {
    condition     = google_firestore_database.documents.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_ENABLED"
    error_message = "Any minute of the last seven days can be read."
  }

  assert {
    condition     = length(google_firestore_index.composite) == length(local.indexes.composites)
    error_message = "Each index of indexes.yaml is made."
  }
}

run "another_deployment_in_the_same_project" {
  command = plan

  variables {
    bundles    = run.bundles.folder
    deployment = "staging"
  }

  assert {
    condition     = output.database == "staging"
    error_message = "It has a database of its own."
  }

  assert {
    condition     = output.public_url == "https://europe-west1-acme-mail.cloudfunctions.net/staging-{function}"
    error_message = "Its functions have names of their own."
  }

  assert {
    condition     = output.redirect_uri == "https://europe-west1-acme-mail.cloudfunctions.net/staging-oauth_callback"
    error_message = "So has its redirect URI."
  }
}

run "only_microsoft" {
  command = plan

  variables {
    bundles        = run.bundles.folder
    mail_providers = { microsoft = { client_id = "00000000-0000-0000-0000-000000000001" } }
  }

  assert {
    condition     = keys(output.client_secrets) == ["MICROSOFT_CLIENT_SECRET"]
    error_message = "There are secrets only of providers that are connected."
  }

  assert {
    condition     = !contains(local.services, "gmail")
    error_message = "Gmail's API is enabled only for Gmail."
  }
}
