# functions.yaml, and what each function is made of. There is no other list of functions.

locals {
  map     = yamldecode(file("${path.module}/functions.yaml"))
  known   = yamldecode(file("${path.module}/providers.yaml"))
  folders = [for main in fileset("${path.module}/../functions", "*/main.py") : dirname(main)]

  # Keys that a function may have; YAML does not mind a misspelt one, so this does.
  keys = [
    "trigger", "public", "schedule", "queue", "memory", "cpu", "timeout", "concurrency", "instances", "env", "providers",
    "keys", "enqueue", "roles",
  ]

  functions = {
    for name, one in local.map.functions : name => {
      trigger     = one.trigger
      public      = try(one.public, false)
      queue       = try(one.queue, null)
      schedule    = try(coalesce(try(var.overrides[name].schedule, null), try(one.schedule, null)), null)
      memory      = try(coalesce(var.overrides[name].memory), one.memory)
      cpu         = try(coalesce(var.overrides[name].cpu), one.cpu, null)
      timeout     = try(coalesce(var.overrides[name].timeout), one.timeout)
      concurrency = try(coalesce(var.overrides[name].concurrency), one.concurrency, 1)
      min         = try(coalesce(var.overrides[name].min_instances), 0)
      max         = try(coalesce(var.overrides[name].max_instances), local.instances[name])
      keys        = try(one.keys, [])
      enqueue     = try(one.enqueue, [])
      roles = concat(
        try(one.roles, []),
        length(try(one.keys, [])) > 0 ? ["keys"] : [],
        length(try(one.enqueue, [])) > 0 ? ["enqueue"] : [],
      )
      env     = toset(concat(try(one.env, []), tolist(setsubtract(local.wanted[name], local.provider_secrets))))
      secrets = setintersection(local.wanted[name], local.provider_secrets)
    }
  }

  # What the functions want of the providers that are connected here, as settings.
  connected        = { for name, provider in local.known : name => provider if contains(keys(var.mail_providers), name) }
  provider_secrets = toset(flatten([for provider in local.connected : provider.secrets]))
  wanted = {
    for name, one in local.map.functions : name => toset(flatten([
      for use in try(one.providers, []) : [for provider in local.connected : try(provider.uses[use], [])]
    ]))
  }

  uses       = toset(flatten([for one in local.map.functions : try(one.providers, [])]))
  known_uses = toset(flatten([for provider in local.known : keys(provider.uses)]))

  # As many as the queue calls at once. One of a scheduled one: Cloud Scheduler begins a run once the last one ended.
  instances = {
    for name, one in local.map.functions : name => (
      one.trigger == "task" ? ceil(local.map.queues[one.queue].concurrent / try(one.concurrency, 1)) :
      one.trigger == "schedule" ? 1 : try(one.instances, 1)
    )
  }

  # "mailbridge" has the plain names, so that the README's addresses are right.
  prefix  = var.deployment == "mailbridge" ? "" : "${var.deployment}-"
  host    = "https://${var.region}-${var.project}.cloudfunctions.net"
  own_url = local.prefix == "" ? local.host : "${local.host}/${local.prefix}{function}"
  urls    = { for name, _ in local.map.functions : name => "${local.host}/${local.prefix}${name}" }
}

# What is wrong with the map is said before anything is made.
resource "terraform_data" "map" {
  lifecycle {
    precondition {
      condition     = length(setsubtract(local.folders, keys(local.map.functions))) == 0
      error_message = "functions/ has folders without an entry in terraform/functions.yaml: ${join(", ", setsubtract(local.folders, keys(local.map.functions)))}. Add the entry or remove the folder."
    }
    precondition {
      condition     = length(setsubtract(keys(local.map.functions), local.folders)) == 0
      error_message = "terraform/functions.yaml has entries without functions/<name>/main.py: ${join(", ", setsubtract(keys(local.map.functions), local.folders))}. Add the folder or remove the entry."
    }
    precondition {
      condition     = alltrue([for one in local.map.functions : length(setsubtract(keys(one), local.keys)) == 0])
      error_message = "terraform/functions.yaml has keys that are not known: ${join(", ", distinct(flatten([for one in local.map.functions : tolist(setsubtract(keys(one), local.keys))])))}. Its header lists those there are."
    }
    precondition {
      condition     = length(setsubtract(local.uses, local.known_uses)) == 0
      error_message = "terraform/functions.yaml wants of the providers what none of them declares: ${join(", ", setsubtract(local.uses, local.known_uses))}. There is: ${join(", ", local.known_uses)}."
    }
    precondition {
      condition     = alltrue([for name, _ in local.map.functions : fileexists("${var.bundles}/${name}.zip")])
      error_message = "${var.bundles} lacks the bundles of ${join(", ", [for name, _ in local.map.functions : name if !fileexists("${var.bundles}/${name}.zip")])}. Run: make bundle"
    }
  }
}

module "function" {
  source   = "./modules/function"
  for_each = local.functions

  name        = each.key
  deployment  = var.deployment
  prefix      = local.prefix
  url         = local.urls[each.key]
  project     = var.project
  region      = var.region
  runtime     = local.map.runtime
  trigger     = each.value.trigger
  public      = each.value.public
  ingress     = each.value.trigger == "http" ? (var.load_balancer ? "ALLOW_INTERNAL_AND_GCLB" : "ALLOW_ALL") : var.private_ingress
  memory      = each.value.memory
  cpu         = each.value.cpu
  timeout     = each.value.timeout
  concurrency = each.value.concurrency
  instances   = { min = each.value.min, max = each.value.max }
  schedule    = each.value.schedule

  environment = local.environments[each.key]
  secrets     = { for name in each.value.secrets : name => google_secret_manager_secret.client[name].secret_id }

  bundle = {
    path   = "${var.bundles}/${each.key}.zip"
    bucket = google_storage_bucket.bundles.name
  }
  build = {
    account    = google_service_account.build.name
    repository = google_artifact_registry_repository.images.id
  }

  roles = {
    for name, role in local.project_roles : name => merge(role, name == "keys" ? { condition = local.rings[each.key] } : {})
    if contains(local.granted[each.key], name)
  }
  enqueue = length(each.value.enqueue) == 0 ? null : merge(local.enqueue, {
    queues   = { for name in each.value.enqueue : name => google_cloud_tasks_queue.queue[name].name }
    invokers = { for name in each.value.enqueue : name => google_service_account.invoker[name].name }
  })
  invoker = each.value.trigger == "http" ? null : google_service_account.invoker[coalesce(each.value.queue, "schedule")].email

  depends_on = [
    google_project_service.api,
    google_project_iam_member.build,
    google_artifact_registry_repository_iam_member.build,
  ]
}
