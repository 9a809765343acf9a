package io.jetfire.core.internal.run;

import io.jetfire.RunEvent;
import io.jetfire.RunId;
import io.jetfire.RunListener;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Tells listeners what happens: in order, one event at a time; their errors are logged. */
final class Events {
  private static final Logger LOG = LoggerFactory.getLogger(Events.class);

  private final RunId run;
  private final List<RunListener> listeners;

  Events(RunId run, List<RunListener> listeners) {
    this.run = run;
    this.listeners = listeners;
  }

  synchronized void tell(RunEvent event) {
    if (event instanceof RunEvent.Finished f) {
      LOG.info("{}: {} {}: {}", run, f.stage(), f.subject(), f.detail());
    } else if (event instanceof RunEvent.Failed f) {
      LOG.warn("{}: {} {} failed: {}", run, f.stage(), f.subject(), f.reason());
    } else if (event instanceof RunEvent.Warning w) {
      LOG.warn("{}: {}", run, w.message());
    } else {
      LOG.debug("{}: {}", run, event);
    }
    for (RunListener listener : listeners) {
      try {
        listener.on(run, event);
      } catch (RuntimeException e) {
        LOG.warn("A listener failed on {}", event, e);
      }
    }
  }
}
