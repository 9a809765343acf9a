package io.jetfire.junit;

import io.jetfire.JetFire;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Gives tests a {@link JetFire} client as a parameter: one per test class, closed after its last
 * test.
 *
 * <pre>{@code
 * @ExtendWith(JetFireExtension.class)
 * class ModelTest {
 *   @Test
 *   void isFastEnough(JetFire jetfire) {
 *     assertThat(jetfire.run(experiment)).passesItsGates();
 *   }
 * }
 * }</pre>
 */
public final class JetFireExtension implements ParameterResolver {
  private static final ExtensionContext.Namespace NAMESPACE =
      ExtensionContext.Namespace.create(JetFireExtension.class);

  /** Creates the extension; JUnit does. */
  public JetFireExtension() {}

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == JetFire.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    ExtensionContext scope = context;
    // The class owns the client, so that its tests share it; a nested class shares its outer one's.
    while (scope.getParent().flatMap(ExtensionContext::getTestClass).isPresent()) {
      scope = scope.getParent().orElseThrow();
    }
    return scope
        .getStore(NAMESPACE)
        .getOrComputeIfAbsent(Client.class, key -> new Client(JetFire.create()), Client.class)
        .jetfire();
  }

  /** JUnit closes what is in its store and is {@link AutoCloseable}. */
  private record Client(JetFire jetfire)
      implements AutoCloseable, ExtensionContext.Store.CloseableResource {
    @Override
    public void close() {
      jetfire.close();
    }
  }
}
