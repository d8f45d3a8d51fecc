# The APIs. They stay enabled when this deployment goes: others in the project may use them.

locals {
  services = concat(
    [
      "artifactregistry", "cloudbuild", "cloudfunctions", "cloudscheduler", "cloudtasks", "firestore", "iam", "logging",
      "monitoring", "run", "secretmanager", "storage",
    ],
    var.google == null ? [] : ["calendar-json", "gmail"],
  )
}

resource "google_project_service" "api" {
  for_each = toset(local.services)

  project            = var.project
  service            = "${each.value}.googleapis.com"
  disable_on_destroy = false
}
