# The APIs. They stay enabled when this deployment goes: others in the project may use them.

locals {
  own_services = [
    "artifactregistry", "cloudbuild", "cloudfunctions", "cloudscheduler", "cloudtasks", "firestore", "iam", "logging",
    "monitoring", "run", "secretmanager", "storage",
  ]
  services = concat(local.own_services, flatten([for provider in local.connected : provider.apis]))
}

resource "google_project_service" "api" {
  for_each = toset(local.services)

  project            = var.project
  service            = "${each.value}.googleapis.com"
  disable_on_destroy = false
}
