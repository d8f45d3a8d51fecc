# What is refused before anything is made.

mock_provider "google" {}

variables {
  project   = "acme-mail"
  google    = { client_id = "1-a.apps.googleusercontent.com" }
  microsoft = { client_id = "00000000-0000-0000-0000-000000000001" }
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

run "without_any_provider" {
  command = plan

  variables {
    google    = null
    microsoft = null
  }

  expect_failures = [var.google]
}

run "a_name_that_would_not_fit" {
  command = plan

  variables {
    deployment = "staging-eu"
  }

  expect_failures = [var.deployment]
}

run "an_override_of_no_function" {
  command = plan

  variables {
    overrides = { sync_mailboxes = { memory = "1Gi" } }
  }

  expect_failures = [var.overrides]
}

run "a_setting_of_no_function" {
  command = plan

  variables {
    settings = { SYNC_INTERVAL = "60" }
  }

  expect_failures = [var.settings]
}
