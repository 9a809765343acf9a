package io.jetfire.core.internal.metadata;

import io.jetfire.spi.MetadataStore;
import io.jetfire.spi.MetadataStoreProvider;
import io.jetfire.spi.ProviderContext;

/** Provides the metadata store {@code memory}, whose records end with the client. */
public final class InMemoryMetadataStoreProvider implements MetadataStoreProvider {
  /** Creates the provider, as {@link java.util.ServiceLoader} does. */
  public InMemoryMetadataStoreProvider() {}

  @Override
  public String id() {
    return "memory";
  }

  @Override
  public MetadataStore create(ProviderContext context) {
    return new InMemoryMetadataStore(context.clock());
  }
}
