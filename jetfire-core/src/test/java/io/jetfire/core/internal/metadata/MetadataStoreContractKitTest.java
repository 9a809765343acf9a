package io.jetfire.core.internal.metadata;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import io.jetfire.spi.MetadataStore;
import io.jetfire.spi.MetadataStore.Artifact;
import io.jetfire.spi.MetadataStore.Event;
import io.jetfire.spi.MetadataStore.Lineage;
import io.jetfire.spi.MetadataStore.LineageQuery;
import io.jetfire.spi.MetadataStore.Recording;
import io.jetfire.spi.MetadataStore.Type;
import io.jetfire.testkit.MetadataStoreContract;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.junit.platform.testkit.engine.EngineTestKit;

/** Each store that breaks one rule fails the case for that rule, and a correct one none. */
class MetadataStoreContractKitTest {

  @Test
  void aCorrectStorePasses() {
    assertThat(failures(Correct.class)).isEmpty();
  }

  @Test
  void aStoreThatLosesCustomPropertiesIsFound() {
    assertThat(failures(LosesCustomProperties.class))
        .contains("everyKindOfValueComesBackAsItWasPut", "aNameUpdatesTheStoredNode");
  }

  @Test
  void aStoreThatIgnoresNamesIsFound() {
    assertThat(failures(IgnoresNames.class))
        .contains("aNameUpdatesTheStoredNode", "timesSayWhenANodeWasMadeAndLastChanged");
  }

  @Test
  void aStoreThatKeepsHalfARecordingIsFound() {
    assertThat(failures(KeepsHalfARecording.class))
        .containsExactly("aStepThatCannotBeRecordedLeavesNothing");
  }

  @Test
  void aStoreThatDropsEventsIsFound() {
    assertThat(failures(DropsEvents.class))
        .contains(
            "eventsJoinStoredNodesOnce",
            "aStepIsRecordedWithItsArtifactsEventsAndContexts",
            "recordingANamedStepAgainChangesNothingTwice");
  }

  @Test
  void aStoreThatReplacesTypesIsFound() {
    assertThat(failures(ReplacesTypes.class))
        .contains("aPropertyOfATypeKeepsItsKind", "puttingATypeAgainAddsItsNewProperties");
  }

  @Test
  void aStoreThatIgnoresTheHopLimitIsFound() {
    assertThat(failures(IgnoresTheHopLimit.class)).containsExactly("aLineageWalkEndsAtItsHopLimit");
  }

  @Test
  void aStoreThatAcceptsWhatCannotBeReadBackIsFound() {
    assertThat(failures(AcceptsAnything.class))
        .contains("whatMlMetadataCannotReadBackIsRefused")
        .doesNotContain("everyKindOfValueComesBackAsItWasPut");
  }

  @Test
  void aStoreThatWorksAfterClosingIsFound() {
    assertThat(failures(NeverCloses.class)).containsExactly("aClosedStoreSaysSo");
  }

  @Test
  void aStoreThatClaimsToLastAndDoesNotIsFound() {
    assertThat(failures(Forgets.class)).containsExactly("recordsLastOrEndWithTheStoreAsDeclared");
  }

  private static Set<String> failures(Class<? extends MetadataStoreContract> contract) {
    EngineExecutionResults results =
        EngineTestKit.engine("junit-jupiter").selectors(selectClass(contract)).execute();
    assertThat(results.testEvents().started().count()).isGreaterThan(35);
    Set<String> failed = new TreeSet<>();
    results.testEvents().failed().stream()
        .forEach(
            event -> {
              String name = event.getTestDescriptor().getUniqueId().toString();
              failed.add(name.replaceAll(".*?(?:method|test-template):[^#]*#(\\w+)\\(.*", "$1"));
            });
    return failed;
  }

  private static MetadataStore correct() {
    return new InMemoryMetadataStore(Clock.systemUTC());
  }

  /** Changes one call of a store. */
  @FunctionalInterface
  private interface Defect {
    @Nullable Object call(MetadataStore store, Method method, @Nullable Object[] arguments)
        throws ReflectiveOperationException;
  }

  private static MetadataStore broken(Defect defect) {
    MetadataStore store = correct();
    return (MetadataStore)
        Proxy.newProxyInstance(
            MetadataStore.class.getClassLoader(),
            new Class<?>[] {MetadataStore.class},
            (proxy, method, arguments) -> {
              try {
                return defect.call(store, method, arguments == null ? new Object[0] : arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  private static Artifact artifactWithName(Artifact artifact, @Nullable String name) {
    return artifact.toBuilder().name(name).build();
  }

  static final class Correct extends MetadataStoreContract {
    @Override
    protected MetadataStore newStore() {
      return correct();
    }
  }

  static final class LosesCustomProperties extends MetadataStoreContract {
    @Override
    protected MetadataStore newStore() {
      return broken(
          (store, method, arguments) -> {
            if (method.getName().equals("putArtifact")) {
              Artifact given = (Artifact) arguments[0];
              Artifact.Builder kept =
                  Artifact.builder(given.type())
                      .id(given.id())
                      .name(given.name())
                      .uri(given.uri())
                      .state(given.state())
                      .externalId(given.externalId());
              given.properties().forEach(kept::property);
              return store.putArtifact(kept.build());
            }
            return method.invoke(store, arguments);
          });
    }
  }

  static final class IgnoresNames extends MetadataStoreContract {
    @Override
    protected MetadataStore newStore() {
      return broken(
          (store, method, arguments) ->
              method.getName().equals("putArtifact")
                  ? store.putArtifact(artifactWithName((Artifact) arguments[0], null))
                  : method.invoke(store, arguments));
    }
  }

  static final class KeepsHalfARecording extends MetadataStoreContract {
    @Override
    protected MetadataStore newStore() {
      return broken(
          (store, method, arguments) -> {
            if (method.getName().equals("record")) {
              Recording recording = (Recording) arguments[0];
              store.putExecution(recording.execution());
            }
            return method.invoke(store, arguments);
          });
    }
  }

  static final class DropsEvents extends MetadataStoreContract {
    @Override
    protected MetadataStore newStore() {
      return broken(
          (store, method, arguments) -> {
            Object result = method.invoke(store, arguments);
            if (method.getName().startsWith("eventsBy")) {
              List<Event> events = new ArrayList<>();
              ((List<?>) result).forEach(event -> events.add((Event) event));
              return events.subList(0, Math.min(1, events.size()));
            }
            return result;
          });
    }
  }

  static final class ReplacesTypes extends MetadataStoreContract {
    @Override
    protected MetadataStore newStore() {
      return broken(
          (store, method, arguments) -> {
            if (method.getName().equals("putType")) {
              Type given = (Type) arguments[0];
              Optional<Type> stored = store.type(given.kind(), given.typeName());
              return stored.isPresent()
                  ? given.toBuilder().id(stored.get().id()).build()
                  : store.putType(given);
            }
            return method.invoke(store, arguments);
          });
    }
  }

  static final class IgnoresTheHopLimit extends MetadataStoreContract {
    @Override
    protected MetadataStore newStore() {
      return broken(
          (store, method, arguments) -> {
            if (method.getName().equals("lineage")) {
              LineageQuery query = (LineageQuery) arguments[0];
              Lineage lineage =
                  store.lineage(
                      new LineageQuery(
                          query.artifactIds(),
                          query.executionIds(),
                          query.direction(),
                          LineageQuery.MAX_HOPS));
              return lineage;
            }
            return method.invoke(store, arguments);
          });
    }
  }

  static final class AcceptsAnything extends MetadataStoreContract {
    @Override
    protected MetadataStore newStore() {
      return broken(
          (store, method, arguments) -> {
            if (method.getName().equals("putArtifact")
                && !((Artifact) arguments[0]).problems().isEmpty()) {
              return artifactWithName((Artifact) arguments[0], "accepted");
            }
            return method.invoke(store, arguments);
          });
    }
  }

  static final class NeverCloses extends MetadataStoreContract {
    @Override
    protected MetadataStore newStore() {
      return broken(
          (store, method, arguments) ->
              method.getName().equals("close") ? null : method.invoke(store, arguments));
    }
  }

  static final class Forgets extends MetadataStoreContract {
    @Override
    protected MetadataStore newStore() {
      return correct();
    }

    @Override
    protected Optional<MetadataStore> reopen() {
      return Optional.of(
          new InMemoryMetadataStore(Clock.offset(Clock.systemUTC(), Duration.ofHours(1))));
    }
  }
}
