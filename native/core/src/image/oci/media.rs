//! What the parts of a container image say that they are.

/// What a descriptor in an index names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Index,
    Manifest,
    /// Neither, and why it is not read.
    Other(&'static str),
}

/// What is named with this media type.
pub(super) fn named(media_type: &str) -> Named {
    match media_type {
        "application/vnd.oci.image.index.v1+json"
        | "application/vnd.docker.distribution.manifest.list.v2+json" => Named::Index,
        "application/vnd.oci.image.manifest.v1+json"
        | "application/vnd.docker.distribution.manifest.v2+json" => Named::Manifest,
        "application/vnd.docker.distribution.manifest.v1+json"
        | "application/vnd.docker.distribution.manifest.v1+prettyjws" => {
            Named::Other("a manifest of Docker's first schema")
        }
        _ => Named::Other("neither an index nor a manifest"),
    }
}

/// Why a manifest with a configuration of this media type has no root filesystem; none if it has one.
pub(super) fn refused_config(media_type: &str) -> Option<&'static str> {
    match media_type {
        "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json" => None,
        _ => Some("an artefact without a root filesystem"),
    }
}

/// Why a layer of this media type is not read; none if it is.
pub(super) fn refused_layer(media_type: &str) -> Option<&'static str> {
    match media_type {
        "application/vnd.oci.image.layer.v1.tar"
        | "application/vnd.oci.image.layer.v1.tar+gzip"
        | "application/vnd.oci.image.layer.v1.tar+zstd"
        | "application/vnd.docker.image.rootfs.diff.tar"
        | "application/vnd.docker.image.rootfs.diff.tar.gzip"
        | "application/vnd.docker.image.rootfs.diff.tar.zstd" => None,
        _ if media_type.ends_with("+encrypted") => Some("an encrypted layer"),
        _ if media_type.contains(".nondistributable.") || media_type.contains(".foreign.") => {
            Some("a layer that images do not carry with them")
        }
        _ => Some("no layer of a root filesystem"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plain_layer_is_refused_by_what_it_is() {
        let rows = [
            ("application/vnd.oci.image.layer.v1.tar+gzip", None),
            (
                "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
                Some("an encrypted layer"),
            ),
            (
                "application/vnd.oci.image.layer.nondistributable.v1.tar",
                Some("a layer that images do not carry with them"),
            ),
            (
                "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                Some("a layer that images do not carry with them"),
            ),
            (
                "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
                Some("no layer of a root filesystem"),
            ),
            ("", Some("no layer of a root filesystem")),
        ];
        for (media_type, expected) in rows {
            assert_eq!(refused_layer(media_type), expected, "{media_type}");
        }
    }
}
