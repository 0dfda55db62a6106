//! Against servers that answer as etcd does, on loopback. Real ones are asked in `workflow`'s tests.
