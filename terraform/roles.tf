# The roles of functions.yaml as custom roles with the permissions that the code uses: the predefined ones would let a
# function change indexes, list every secret of the project or read other people's tasks.

locals {
  roles       = yamldecode(file("${path.module}/roles.yaml"))
  role_titles = { for name, one in local.roles.permissions : name => "Mailbridge (${var.deployment}): ${one.why}" }

  # Set of permissions → whether a function has it, by functions.yaml.
  granted = {
    for name, one in local.functions : name => toset(flatten([for role in one.roles : local.roles.roles[role]]))
  }

  # Secret Manager knows projects by number in the names of resources, Firestore by id.
  secrets_name = "projects/${data.google_project.this.number}/secrets/${var.deployment}"
  conditions = {
    project  = null
    database = "resource.name == \"projects/${var.project}/databases/${local.database}\""
    keys     = null # by ring, see below
    tokens   = "resource.name.startsWith(\"${local.secrets_name}-mailbox-\") || resource.name.startsWith(\"${local.secrets_name}-connection-\")"
  }

  project_roles = {
    for name, one in local.roles.permissions : name => {
      role      = google_project_iam_custom_role.function[name].name
      title     = "${var.deployment}-${one.scope}"
      condition = local.conditions[one.scope]
    } if contains(keys(local.conditions), one.scope)
  }

  # A ring of keys is a secret.
  rings = {
    for name, one in local.functions : name => join(" || ", [
      for ring in one.keys : "resource.name.startsWith(\"${local.secrets_name}-sealing-keys-${ring}\")"
    ])
  }

  enqueue = {
    role         = google_project_iam_custom_role.function["enqueue"].name
    invoker_role = google_project_iam_custom_role.function["name_invoker"].name
  }

  # Whom a private function is called as: an account for each queue, and one for the schedules. Their ids hold 30
  # characters; what does not fit is told apart by a digest.
  long_invokers = merge(
    { schedule = "${var.deployment}-scheduler" },
    { for name, _ in local.map.queues : name => "${var.deployment}-tasks-${name}" },
  )
  invokers = {
    for name, id in local.long_invokers : name => length(id) <= 30 ? id : "${substr(id, 0, 25)}-${substr(sha256(id), 0, 4)}"
  }
}

data "google_project" "this" {
  project_id = var.project
}

resource "google_project_iam_custom_role" "function" {
  for_each = local.roles.permissions

  project     = var.project
  role_id     = "${var.deployment}_${each.key}"
  title       = substr(local.role_titles[each.key], 0, 100)
  description = each.value.why
  permissions = each.value.permissions

  depends_on = [google_project_service.api]
}

# They may call the functions of their queue, or the scheduled ones, and do nothing else.
resource "google_service_account" "invoker" {
  for_each = local.invokers

  project      = var.project
  account_id   = each.value
  display_name = "Mailbridge (${var.deployment}): calls the functions of ${each.key}"

  depends_on = [google_project_service.api]
}
