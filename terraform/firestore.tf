# The database. Terraform makes it and its indexes, and never deletes it: `terraform destroy` leaves it as it is.

locals {
  database = coalesce(var.database, var.deployment == "mailbridge" ? "(default)" : var.deployment)
  indexes  = yamldecode(file("${path.module}/indexes.yaml"))

  ttl = { for one in local.indexes.ttl : "${one.collection}/${one.field}" => one }
  # One field may be indexed in several ways.
  indexed = { for one in local.indexes.fields : "${one.collection}/${one.field}" => one... }
  fields = {
    for key in setunion(keys(local.ttl), keys(local.indexed)) : key => {
      collection = split("/", key)[0]
      field      = split("/", key)[1]
      indexes    = [for one in lookup(local.indexed, key, []) : { order = one.order, scope = one.scope }]
      expires    = contains(keys(local.ttl), key)
    }
  }
  composites = {
    for one in local.indexes.composites : "${one.collection}/${join(",", one.fields)}" => one
  }
}

resource "google_firestore_database" "documents" {
  project     = var.project
  name        = local.database
  location_id = coalesce(var.database_location, var.region)
  type        = "FIRESTORE_NATIVE"

  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"
  delete_protection_state           = var.delete_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = "ABANDON"

  depends_on = [google_project_service.api]
}

resource "google_firestore_backup_schedule" "daily" {
  count = var.backup_days > 0 ? 1 : 0

  project   = var.project
  database  = google_firestore_database.documents.name
  retention = "${var.backup_days * 24 * 3600}s"

  daily_recurrence {}
}

# By default Firestore would index every field of every document, in both directions; indexes.yaml says why not.
resource "google_firestore_field" "unindexed" {
  for_each = toset(local.indexes.collections)

  project    = var.project
  database   = google_firestore_database.documents.name
  collection = each.value
  field      = "*"

  index_config {}

  # Deleting it would make Firestore index everything that a destroyed deployment leaves behind.
  deletion_policy = "ABANDON"
}

resource "google_firestore_field" "field" {
  for_each = local.fields

  project    = var.project
  database   = google_firestore_database.documents.name
  collection = each.value.collection
  field      = each.value.field

  # Always said, also when there is no index: left out it would mean "as the database's default".
  index_config {
    dynamic "indexes" {
      for_each = each.value.indexes
      content {
        order       = indexes.value.order
        query_scope = indexes.value.scope
      }
    }
  }

  dynamic "ttl_config" {
    for_each = each.value.expires ? [true] : []
    content {}
  }

  depends_on = [google_firestore_field.unindexed]
}

resource "google_firestore_index" "composite" {
  for_each = local.composites

  project     = var.project
  database    = google_firestore_database.documents.name
  collection  = each.value.collection
  query_scope = each.value.scope

  dynamic "fields" {
    for_each = each.value.fields
    content {
      field_path = trimprefix(fields.value, "-")
      order      = startswith(fields.value, "-") ? "DESCENDING" : "ASCENDING"
    }
  }
}
