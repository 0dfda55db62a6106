//! Records of the model as the WIT has them: the same fields, and attributes as a list.

use kubephase_model::plugin::facts as model;

use crate::bindings::kubephase::plugin::facts as wit;

macro_rules! records {
    ($($name:ident { $($field:ident),+ $(,)? }),+ $(,)?) => {
        $(
            impl From<model::$name> for wit::$name {
                fn from(record: model::$name) -> Self {
                    let model::$name { $($field,)+ attributes } = record;
                    Self { $($field,)+ attributes: attributes.into_iter().collect() }
                }
            }
        )+
    };
}

records! {
    OperatingSystem { id, version_id, pretty_name, id_like },
    KernelFacts { release, architecture },
    CpuFacts { count, model, flags, isolated },
    MemoryFacts { total, available, swap },
    NumaNode { id, cpus, memory },
    PciDevice {
        address, vendor, device, class, driver, numa_node, iommu_group, virtual_functions_total, virtual_functions,
    },
    BlockDevice { name, size, rotational, transport, model, parent },
    Mount { target, source, fs_type, options, size, available, device },
    NetworkInterface { name, mac, mtu, state, addresses, speed, driver },
    KernelModule { name, version },
    CgroupFacts { version, controllers },
    ContainerRuntime { name, version, socket, handlers },
    ClusterFacts {
        workflow, role, kubernetes_version, cluster_name, node_name, advertise_address, bind_port,
        control_plane_endpoint, pod_subnets, service_subnets, dns_domain, image_repository, certificates_dir,
        etcd_data_dir,
    },
}

impl From<model::HugepagePool> for wit::HugepagePool {
    fn from(pool: model::HugepagePool) -> Self {
        let model::HugepagePool { size, total, free, numa_node } = pool;
        Self { size, total, free, numa_node }
    }
}
