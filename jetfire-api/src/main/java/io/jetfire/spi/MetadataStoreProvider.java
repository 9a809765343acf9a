package io.jetfire.spi;

/** Provides a {@link MetadataStore}, chosen by its id, for example {@code mlmd-sqlite}. */
public interface MetadataStoreProvider extends Provider<MetadataStore> {}
