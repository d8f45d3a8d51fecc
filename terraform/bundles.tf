# Where the functions' code comes from, and who makes images of it.

resource "google_storage_bucket" "bundles" {
  #checkov:skip=CKV_GCP_62: The project's audit log has who wrote what; reads are Google's own builds.
  project  = var.project
  name     = "${var.project}-${var.deployment}-bundles"
  location = var.region

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # Nothing here is data: `make bundle` makes every object again, to the byte.
  force_destroy = true

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 90
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_artifact_registry_repository" "images" {
  #checkov:skip=CKV_GCP_84: Images hold our code and no data; Google's encryption is enough for it.
  project       = var.project
  location      = var.region
  repository_id = "${var.deployment}-functions"
  description   = "Images that Cloud Build makes of the functions"
  format        = "DOCKER"

  cleanup_policies {
    id     = "old"
    action = "DELETE"
    condition {
      older_than = "${30 * 24 * 3600}s"
    }
  }

  # A revision is started from its image for as long as it serves.
  cleanup_policies {
    id     = "recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 5
    }
  }

  depends_on = [google_project_service.api]
}

# By default Cloud Build would build as an account that may edit the whole project.
resource "google_service_account" "build" {
  project      = var.project
  account_id   = "${var.deployment}-build"
  display_name = "Mailbridge (${var.deployment}): builds the functions"

  depends_on = [google_project_service.api]
}

resource "google_project_iam_member" "build" {
  for_each = {
    "roles/logging.logWriter" = null
    # Google copies a bundle there before it is built.
    "roles/storage.objectViewer" = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${data.google_project.this.number}-${var.region}\")"
  }

  project = var.project
  role    = each.key
  member  = google_service_account.build.member

  dynamic "condition" {
    for_each = each.value == null ? [] : [each.value]
    content {
      title      = "${var.deployment}-build"
      expression = condition.value
    }
  }
}

resource "google_artifact_registry_repository_iam_member" "build" {
  project    = var.project
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}
