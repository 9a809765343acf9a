package io.jetfire.core.internal.run;

import io.jetfire.MetricsParser;
import io.jetfire.RunListener;
import io.jetfire.core.internal.provider.Providers;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.ExecutorService;

/**
 * What all runs of a client share.
 *
 * @param providers the providers
 * @param workDirectory the client's folder
 * @param clock the client's clock
 * @param sleeper waits between looks at farms
 * @param executor runs work
 * @param listeners are told of events
 * @param parser reads the logs of device runs
 */
record ClientContext(
    Providers providers,
    Path workDirectory,
    Clock clock,
    Sleeper sleeper,
    ExecutorService executor,
    List<RunListener> listeners,
    MetricsParser parser) {
  ClientContext {
    listeners = List.copyOf(listeners);
  }
}
