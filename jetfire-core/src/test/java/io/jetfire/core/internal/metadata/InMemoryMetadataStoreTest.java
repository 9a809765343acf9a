package io.jetfire.core.internal.metadata;

import io.jetfire.spi.MetadataStore;
import io.jetfire.testkit.MetadataStoreContract;
import java.time.Clock;

class InMemoryMetadataStoreTest extends MetadataStoreContract {
  @Override
  protected MetadataStore newStore() {
    return new InMemoryMetadataStore(Clock.systemUTC());
  }
}
