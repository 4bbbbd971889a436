"""The register of firms: names, codes, white list, contacts, who looks after whom."""
