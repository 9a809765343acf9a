package io.jetfire.junit;

import static org.assertj.core.api.Assertions.assertThat;

import io.jetfire.JetFire;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(JetFireExtension.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class JetFireExtensionTest {
  private @Nullable JetFire seen;

  private void same(JetFire jetfire) {
    assertThat(jetfire).isNotNull();
    JetFire before = seen;
    if (before != null) {
      assertThat(jetfire).isSameAs(before);
    }
    seen = jetfire;
  }

  @Test
  void aTestGetsTheClient(JetFire jetfire) {
    same(jetfire);
  }

  @Test
  void anotherTestGetsTheSame(JetFire jetfire) {
    same(jetfire);
  }

  @Nested
  class InANestedClass {
    @Test
    void too(JetFire jetfire) {
      same(jetfire);
    }
  }
}
