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
    keys     = "resource.name.startsWith(\"${local.secrets_name}-sealing-keys\")"
    tokens   = "resource.name.startsWith(\"${local.secrets_name}-mailbox-\") || resource.name.startsWith(\"${local.secrets_name}-connection-\")"
  }

  project_roles = {
    for name, one in local.roles.permissions : name => {
      role      = google_project_iam_custom_role.function[name].name
      title     = "${var.deployment}-${one.scope}"
      condition = local.conditions[one.scope]
    } if contains(keys(local.conditions), one.scope)
  }

  enqueue = {
    queues       = { for name, queue in google_cloud_tasks_queue.queue : name => queue.name }
    role         = google_project_iam_custom_role.function["enqueue"].name
    invoker      = google_service_account.invoker["task"].name
    invoker_role = google_project_iam_custom_role.function["name_invoker"].name
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

# Whom Cloud Tasks and Cloud Scheduler call the private functions as. They may do nothing else.
resource "google_service_account" "invoker" {
  for_each = { task = "tasks", schedule = "scheduler" }

  project      = var.project
  account_id   = "${var.deployment}-${each.value}"
  display_name = "Mailbridge (${var.deployment}): calls the ${each.key} functions"

  depends_on = [google_project_service.api]
}
