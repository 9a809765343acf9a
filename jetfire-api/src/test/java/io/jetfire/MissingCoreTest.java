package io.jetfire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

/** This module's tests have no core on their class path, as a user who forgot it. */
class MissingCoreTest {

  @Test
  void everyWayInNamesTheArtifactToAdd() {
    assertThatThrownBy(JetFire::create)
        .isInstanceOf(MissingProviderException.class)
        .hasMessageContainingAll("engine", "io.jetfire:jetfire-core");
    assertThatThrownBy(() -> Converter.toTflite().build().toJson())
        .isInstanceOf(MissingProviderException.class)
        .hasMessageContaining("io.jetfire:jetfire-core");
    assertThatThrownBy(MetricsParser::standard)
        .isInstanceOf(MissingProviderException.class)
        .hasMessageContaining("io.jetfire:jetfire-core");
  }

  @Test
  void descriptionsStayUsable() {
    Dataset data = Dataset.of("d", List.of("a"), List.of());
    Converter converter =
        Converter.toTflite().recipe(Recipe.fullInteger()).calibration(data).build();
    assertThat(converter).hasToString(converter.toString()).isEqualTo(converter);
    assertThat(converter.toString()).contains("full-integer", "2.16.1");
  }
}
