# The settings of shared/config.py, and which of them a function sees: what functions.yaml grants it, what its
# trigger and its roles need, and nothing else. A setting without a value is not passed, so that its default holds.

locals {
  settings = {
    for name, value in merge(var.settings, local.provider_settings, {
      BACKEND              = "shared.gcp"
      GOOGLE_CLOUD_PROJECT = var.project
      DEPLOYMENT           = var.deployment
      FIRESTORE_DATABASE   = local.database

      FUNCTIONS_URL  = local.own_url
      TASKS_LOCATION = var.region

      PUBLIC_URL      = coalesce(var.public_url, local.own_url)
      ALLOWED_ORIGINS = join(",", var.allowed_origins)
      AUTH_ISSUER     = var.auth.issuer
      AUTH_AUDIENCE   = var.auth.audience
      AUTH_JWKS_URL   = var.auth.jwks_url
      AUTH_USER_CLAIM = var.auth.user_claim
      AUTH_TEAM_CLAIM = var.auth.team_claim
      AUTH_ROLE_CLAIM = var.auth.role_claim

      SYNC_INTERVAL_SECONDS = tostring(var.sync_interval_seconds)
    }) : name => value if value != null && value != ""
  }

  provider_settings = merge([
    for name, chosen in var.mail_providers : {
      for key, value in chosen : local.known[name].variables[key].setting => value
    }
  ]...)

  queue_of = { for name, one in local.map.functions : name => one.queue if one.trigger == "task" }

  settings_of_all = ["BACKEND", "GOOGLE_CLOUD_PROJECT", "DEPLOYMENT"]
  settings_by_trigger = {
    http = [
      "AUTH_ISSUER", "AUTH_AUDIENCE", "AUTH_JWKS_URL", "AUTH_USER_CLAIM", "AUTH_TEAM_CLAIM", "AUTH_ROLE_CLAIM",
      "ALLOWED_ORIGINS", "USER_REQUESTS_PER_MINUTE", "TEAM_REQUESTS_PER_MINUTE",
    ]
    task     = []
    schedule = []
  }
  settings_by_role = {
    documents = ["FIRESTORE_DATABASE"]
    enqueue   = ["FUNCTIONS_URL", "TASKS_LOCATION"]
  }

  # What has neither a variable of its own nor a value that only this project can know.
  free_settings = setsubtract(
    distinct(concat(["USER_REQUESTS_PER_MINUTE", "TEAM_REQUESTS_PER_MINUTE"], flatten([
      for one in local.map.functions : concat(
        try(one.env, []),
        flatten([for use in try(one.providers, []) : [for provider in local.known : try(provider.uses[use], [])]]),
      )
    ]))),
    concat(
      ["PUBLIC_URL", "ALLOWED_ORIGINS", "SYNC_INTERVAL_SECONDS"],
      flatten([
        for provider in local.known : concat(provider.secrets, [for one in provider.variables : one.setting])
      ]),
    ),
  )

  environments = {
    for name, one in local.functions : name => merge(
      {
        for setting, value in local.settings : setting => value
        if contains(concat(
          local.settings_of_all,
          tolist(one.env),
          local.settings_by_trigger[one.trigger],
          flatten([for role in one.roles : lookup(local.settings_by_role, role, [])]),
        ), setting)
      },
      # Which functions it may have called, by which queue and as whom.
      length(one.enqueue) == 0 ? {} : {
        TASKS_QUEUES   = join(",", [for task, queue in local.queue_of : "${task}=${local.queue_names[queue]}" if contains(one.enqueue, queue)])
        TASKS_INVOKERS = join(",", [for task, queue in local.queue_of : "${task}=${google_service_account.invoker[queue].email}" if contains(one.enqueue, queue)])
      },
      # Who may call it, and that the call was meant for it.
      one.trigger == "http" ? {} : {
        INVOKER_AUDIENCE = local.urls[name]
        INVOKER_EMAIL    = google_service_account.invoker[coalesce(one.queue, "schedule")].email
      },
    )
  }
}
