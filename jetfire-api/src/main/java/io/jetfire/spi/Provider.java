package io.jetfire.spi;

/**
 * What an adapter registers with {@link java.util.ServiceLoader}: a factory that the user names by
 * its id.
 *
 * <p>Implementations have a public constructor without parameters that does nothing, and are
 * registered under the sub-interface of their kind, such as {@link DeviceFarmProvider}.
 *
 * @param <T> what the provider creates
 */
public interface Provider<T> {

  /**
   * Returns the id that users name this provider by, unique among the providers of its kind.
   *
   * @return lower-case letters, digits and {@code -}, such as {@code mlmd-sqlite}
   */
  String id();

  /**
   * Creates what the provider is for. No file, network or native library is touched before this
   * call.
   *
   * @param context configuration, folders, clock
   * @return a new instance, which the client owns and closes if it is {@link AutoCloseable}
   * @throws io.jetfire.JetFireException if the configuration or the platform does not allow it
   */
  T create(ProviderContext context);
}
