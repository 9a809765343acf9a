package io.jetfire.spi;

/** Registers a artifact store; see {@link ArtifactStore}. */
public interface ArtifactStoreProvider extends Provider<ArtifactStore> {}
