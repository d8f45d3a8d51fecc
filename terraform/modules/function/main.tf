# One function: its account, its bundle, and itself. What the account may do is in access.tf.

locals {
  # The function's own name; its service at Cloud Run cannot have underscores.
  full_name = "${var.prefix}${var.name}"
  service   = replace(local.full_name, "_", "-")

  # An account's id holds 30 characters; what does not fit is told apart by a digest.
  long_id    = "${var.deployment}-${replace(var.name, "_", "-")}"
  account_id = length(local.long_id) <= 30 ? local.long_id : "${substr(local.long_id, 0, 25)}-${substr(sha256(local.long_id), 0, 4)}"

  digest = fileexists(var.bundle.path) ? filesha256(var.bundle.path) : "missing"
}

resource "google_service_account" "function" {
  project      = var.project
  account_id   = local.account_id
  display_name = "Mailbridge (${var.deployment}): ${var.name}"
}

# Named by its content: what did not change is not deployed again.
resource "google_storage_bucket_object" "bundle" {
  bucket       = var.bundle.bucket
  name         = "${var.name}/${local.digest}.zip"
  source       = var.bundle.path
  content_type = "application/zip"

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_cloudfunctions2_function" "function" {
  #checkov:skip=CKV_GCP_124: Users come from anywhere; who calls a private one is up to IAM, and see `private_ingress`.
  project     = var.project
  location    = var.region
  name        = local.full_name
  description = "Mailbridge (${var.deployment}): ${var.name}, called by ${local.caller}"

  build_config {
    runtime           = var.runtime
    entry_point       = var.name
    service_account   = var.build.account
    docker_repository = var.build.repository

    # The image sets all files' times to 1980, which would make the bytecode stale at every start; with this,
    # Python compiles it to go by the sources' hash.
    environment_variables = { SOURCE_DATE_EPOCH = "315532800" }

    source {
      storage_source {
        bucket = google_storage_bucket_object.bundle.bucket
        object = google_storage_bucket_object.bundle.name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.function.email
    available_memory                 = var.memory
    available_cpu                    = var.cpu
    timeout_seconds                  = var.timeout
    max_instance_request_concurrency = var.concurrency
    min_instance_count               = var.instances.min
    max_instance_count               = var.instances.max
    ingress_settings                 = var.ingress
    all_traffic_on_latest_revision   = true
    environment_variables            = merge(var.environment, { THREADS = tostring(var.concurrency) })

    dynamic "secret_environment_variables" {
      for_each = var.secrets
      content {
        key        = secret_environment_variables.key
        project_id = var.project
        secret     = secret_environment_variables.value
        version    = "latest"
      }
    }
  }

  # Google refuses a function whose account cannot read its secrets yet; and its first request should succeed.
  depends_on = [
    google_secret_manager_secret_iam_member.client,
    google_project_iam_member.role,
  ]
}

resource "google_cloud_scheduler_job" "schedule" {
  count = var.trigger == "schedule" ? 1 : 0

  project     = var.project
  region      = var.region
  name        = "${var.deployment}-${replace(var.name, "_", "-")}"
  description = "Calls ${local.full_name}"
  schedule    = var.schedule
  time_zone   = "Etc/UTC"

  # A little longer than the function itself may take, and no retries: the next run is as good.
  attempt_deadline = "${var.timeout + 20}s"
  retry_config {
    retry_count = 0
  }

  http_target {
    http_method = "POST"
    uri         = var.url

    oidc_token {
      service_account_email = var.invoker
      audience              = var.url
    }
  }

  depends_on = [google_cloudfunctions2_function.function]
}
