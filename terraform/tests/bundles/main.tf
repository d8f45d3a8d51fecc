# Empty bundles: what is in them is of no concern to these tests, and the provider that would upload them is mocked.

locals {
  folder = abspath("${path.module}/../../../build/empty-bundles")
}

resource "terraform_data" "bundle" {
  for_each = yamldecode(file("${path.module}/../../functions.yaml")).functions

  provisioner "local-exec" {
    command = "mkdir -p '${local.folder}' && : > '${local.folder}/${each.key}.zip'"
  }
}

output "folder" {
  value      = local.folder
  depends_on = [terraform_data.bundle]
}
