//! KubeletConfiguration and KubeProxyConfiguration: carried through, defaulted, written as Go writes them.
