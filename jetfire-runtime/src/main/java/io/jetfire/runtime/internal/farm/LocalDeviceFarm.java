package io.jetfire.runtime.internal.farm;

import io.jetfire.ConfigurationException;
import io.jetfire.Delegate;
import io.jetfire.Device;
import io.jetfire.runtime.internal.TfliteRuntime;
import io.jetfire.runtime.internal.TfliteSession;
import io.jetfire.spi.DeviceFarm;
import io.jetfire.spi.ModelRuntime.Options;
import io.jetfire.spi.ProviderContext;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * This host as a device.
 *
 * <p>Runs follow one another on one thread, because two at a time would disturb each other. Their
 * ids are made from the request's key, so that a key finds its run again in any JVM.
 */
public final class LocalDeviceFarm implements DeviceFarm {
  private final Path root;
  private final TfliteRuntime runtime;
  private final Duration leastWarmup;
  private final Duration leastMeasured;
  private final Device device = HostDevice.find();
  private final Map<String, LocalRun> runs = new LinkedHashMap<>();
  private final ExecutorService executor =
      Executors.newSingleThreadExecutor(
          work -> {
            Thread thread = new Thread(work, "jetfire-local-farm");
            thread.setDaemon(true);
            return thread;
          });

  private LocalDeviceFarm(ProviderContext context) {
    this.root = context.workDirectory().resolve("farm-local");
    this.runtime = TfliteRuntime.create(context);
    this.leastWarmup = millis(context, "warmup-millis", 100);
    this.leastMeasured = millis(context, "measure-millis", 0);
  }

  /** Creates the farm; nothing is measured before a request. */
  public static LocalDeviceFarm create(ProviderContext context) {
    return new LocalDeviceFarm(context);
  }

  private static Duration millis(ProviderContext context, String key, long usual) {
    Optional<String> set = context.configuration(key);
    if (set.isEmpty()) {
      return Duration.ofMillis(usual);
    }
    if (!set.get().matches("\\d{1,9}")) {
      throw new ConfigurationException(
          "The setting '"
              + key
              + "' of the farm 'local' is a number of milliseconds, but was '"
              + set.get()
              + "'.");
    }
    return Duration.ofMillis(Long.parseLong(set.get()));
  }

  @Override
  public Capabilities capabilities() {
    return new Capabilities(
        runtime.delegates(),
        true,
        true,
        1,
        Optional.empty(),
        Duration.ofMillis(100),
        Optional.empty());
  }

  @Override
  public List<Device> devices() {
    return List.of(device);
  }

  @Override
  public FarmRun submit(FarmRequest request) {
    check(request);
    String id = id(request.key());
    synchronized (runs) {
      LocalRun known = runs.get(id);
      if (known != null) {
        return known;
      }
      RunFiles files = files(id);
      if (files.exist()) {
        return new AttachedRun(id, files);
      }
      LocalRun run = LocalRun.create(id, request, files, this::open, leastWarmup, leastMeasured);
      runs.put(id, run);
      executor.execute(run::execute);
      return run;
    }
  }

  private void check(FarmRequest request) {
    if (!request.device().id().equals(device.id())) {
      throw new ConfigurationException(
          "The farm 'local' has no device " + request.device() + "; it has " + device + ".");
    }
    for (Cell cell : request.cells()) {
      if (!runtime.delegates().contains(cell.delegate())) {
        throw new ConfigurationException(
            "The farm 'local' has no delegate "
                + cell.delegate()
                + " (cell "
                + cell.id()
                + "); it has "
                + Delegate.CPU
                + " and "
                + Delegate.XNNPACK
                + ".");
      }
    }
  }

  private TfliteSession open(Cell cell) {
    return runtime.openFresh(
        cell.model(), Options.defaults().delegate(cell.delegate()).threads(cell.threads()));
  }

  @Override
  public FarmRun attach(String id) {
    synchronized (runs) {
      LocalRun known = runs.get(id);
      if (known != null) {
        return known;
      }
    }
    RunFiles files = files(id);
    if (!id.matches("local-[0-9a-f]{16}") || !files.exist()) {
      throw new ConfigurationException(
          "The farm 'local' knows no run '" + id + "' in " + root + ".");
    }
    return new AttachedRun(id, files);
  }

  private RunFiles files(String id) {
    return new RunFiles(root.resolve(id));
  }

  private static String id(String key) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8));
      return "local-" + HexFormat.of().formatHex(hash, 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java platform has SHA-256", e);
    }
  }

  /** Stops what still runs: nobody would be left to measure it. */
  @Override
  public void close() {
    synchronized (runs) {
      runs.values().forEach(LocalRun::abandon);
    }
    executor.shutdown();
    runtime.close();
  }
}
