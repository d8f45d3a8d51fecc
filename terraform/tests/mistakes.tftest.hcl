# What is refused before anything is made.

mock_provider "google" {}

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

run "without_bundles" {
  command = plan

  variables {
    bundles = "../build/nowhere"
  }

  expect_failures = [terraform_data.map]
}

run "bundles" {
  module {
    source = "./tests/bundles"
  }
}

run "variables_that_cannot_be" {
  command = plan

  variables {
    bundles        = run.bundles.folder
    mail_providers = {}
    deployment     = "staging-eu"
    overrides      = { sync_mailboxes = { memory = "1Gi" } }
    settings       = { SYNC_INTERVAL = "60" }
  }

  expect_failures = [var.mail_providers, var.deployment, var.overrides, var.settings]
}
