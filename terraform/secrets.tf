# The secrets of the OAuth clients. Terraform makes them empty and never sees a value: `gcloud secrets versions add`
# fills them, so that no state, plan or process list has one. Tokens are made by the functions themselves.

locals {
  client_secrets = toset(flatten([for one in local.functions : one.secrets]))
}

resource "google_secret_manager_secret" "client" {
  for_each = local.client_secrets

  project   = var.project
  secret_id = "${var.deployment}-${lower(replace(each.value, "_", "-"))}"

  replication {
    auto {}
  }

  depends_on = [google_project_service.api]
}
