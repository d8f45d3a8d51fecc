terraform {
  # Since 1.9 a validation may refer to other variables, and to the map of functions.
  required_version = ">= 1.9"

  required_providers {
    google = {
      source = "hashicorp/google"
      # Since 7.43 a field of Firestore can be left as it is when Terraform lets go of it.
      version = ">= 7.43, < 9.0"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region

  default_labels = { deployment = var.deployment }
}
