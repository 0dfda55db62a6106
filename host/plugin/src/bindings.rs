//! What wasmtime makes of our WIT: one module per interface. Only shapes are here.

wasmtime::component::bindgen!({
    path: "../../wit/v0.1",
    world: "kubephase:plugin/plugin",
    imports: { default: async | trappable },
    exports: { default: async },
});
