package io.jetfire.examples;

import io.jetfire.Converter;
import io.jetfire.Dataset;
import io.jetfire.Delegate;
import io.jetfire.DeviceQuery;
import io.jetfire.DeviceRun;
import io.jetfire.Evaluation;
import io.jetfire.Experiment;
import io.jetfire.Gate;
import io.jetfire.JetFire;
import io.jetfire.JetFireException;
import io.jetfire.Loss;
import io.jetfire.OutputDecoder;
import io.jetfire.Preprocessing;
import io.jetfire.Recipe;
import io.jetfire.Report;
import io.jetfire.RunEvent;
import io.jetfire.RunHandle;
import io.jetfire.SsdAnchors;
import io.jetfire.Stage;
import io.jetfire.adapter.djl.DjlTraining;
import io.jetfire.adapter.djl.LearningRate;
import io.jetfire.examples.detector.DetectorLoss;
import io.jetfire.examples.detector.ItemDetector;
import io.jetfire.examples.detector.Scenes;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The item detector, from nothing to a report: scenes are drawn, a detector is trained with DJL,
 * converted to four variants of TensorFlow Lite, evaluated on scenes that it has not seen, measured
 * on this machine, recorded with its lineage, and reported.
 *
 * <p>Argument: the folder for the results.
 */
public final class Quickstart {
  private Quickstart() {}

  /**
   * Describes the experiment.
   *
   * @param size how much to do
   * @return the experiment
   */
  public static Experiment experiment(Size size) {
    Dataset train = Scenes.of("train-scenes", 1, size.trainScenes(), 3);
    Dataset unseen = Scenes.of("unseen-scenes", 2, size.evaluationScenes(), 10);
    SsdAnchors anchors = ItemDetector.anchors();
    DetectorLoss loss = new DetectorLoss(anchors);
    Preprocessing preprocessing =
        Preprocessing.resize(ItemDetector.INPUT, ItemDetector.INPUT).normalize(127.5f, 127.5f);
    DjlTraining training =
        DjlTraining.of("item-detector-v1", () -> new ItemDetector(Scenes.labels().size()))
            .dataset(train)
            .preprocessing(preprocessing)
            .targets("ssd-targets-v1", loss::targets)
            .loss("ssd-loss-v1", loss::of)
            .learningRate(LearningRate.cosine(0.004, 1))
            .epochs(size.epochs())
            .batchSize(16)
            .seed(7)
            .build();
    Experiment.Builder experiment =
        Experiment.builder("item-detector")
            .training(training)
            .preprocessing(preprocessing)
            .decoding(OutputDecoder.ssd(anchors).scoreThreshold(0.05))
            .evaluation(
                Evaluation.detection(unseen)
                    .iouThresholds(0.5, 0.75)
                    .loss(Loss.ssd(anchors))
                    .build());
    for (Recipe recipe : VARIANTS) {
      experiment.convert(Converter.toTflite().recipe(recipe).calibration(train.limit(100)).build());
    }
    return experiment
        .deviceRun(
            DeviceRun.on("local")
                .delegates(Delegate.CPU, Delegate.XNNPACK)
                .threads(1, 2)
                .runs(size.runs())
                .sessions(size.sessions())
                .build())
        .tier("this machine", DeviceQuery.any())
        .gate(Gate.accuracyDrop().atMost(0.02))
        .gate(
            Gate.latency(90)
                .atMost(Duration.ofMillis(30))
                .withDelegate(Delegate.XNNPACK)
                .onTier("this machine"))
        .recordTo("mlmd-sqlite")
        .build();
  }

  private static final Recipe[] VARIANTS = {
    Recipe.float32(), Recipe.float16(), Recipe.dynamicRange(), Recipe.fullInteger()
  };

  /**
   * How much to do.
   *
   * @param trainScenes scenes to learn from, of 3 frames each
   * @param epochs passes over them
   * @param evaluationScenes scenes to evaluate on, of 10 frames each
   * @param runs measured runs per session
   * @param sessions sessions per cell
   */
  public record Size(int trainScenes, int epochs, int evaluationScenes, int runs, int sessions) {
    /**
     * Returns what the quickstart does.
     *
     * @return about two minutes on two cores
     */
    public static Size full() {
      return new Size(400, 11, 30, 50, 3);
    }
  }

  /**
   * Runs the experiment and prints what came out.
   *
   * @param args the folder for the results
   */
  public static void main(String[] args) {
    Path folder = Path.of(args.length > 0 ? args[0] : "target/quickstart");
    Experiment experiment = experiment(Size.full());
    AtomicBoolean interrupted = new AtomicBoolean();
    int exitCode;
    try (JetFire jetfire =
        JetFire.builder().workDirectory(folder).listener((run, event) -> say(event)).build()) {
      System.out.print(jetfire.plan(experiment));
      Report report = runUntilInterrupted(jetfire, experiment, interrupted);
      report.writeTo(folder.resolve("report"));
      System.out.println();
      System.out.print(Summary.table(report));
      System.out.print(Summary.paths(report, folder));
      exitCode = report.exitCode();
    } catch (JetFireException e) {
      System.err.println(e.getMessage());
      exitCode = 20;
    }
    if (exitCode != 0 && !interrupted.get()) {
      System.out.println("Exit code " + exitCode);
      System.exit(exitCode);
    }
  }

  /** Cancels the run on Ctrl-C, so that what is finished is recorded as such. */
  private static Report runUntilInterrupted(
      JetFire jetfire, Experiment experiment, AtomicBoolean interrupted) {
    RunHandle run = jetfire.start(experiment);
    Thread main = Thread.currentThread();
    Thread hook =
        new Thread(
            () -> {
              interrupted.set(true);
              System.out.println("Cancelling run " + run.id());
              run.cancel();
              try {
                main.join(Duration.ofSeconds(10).toMillis());
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "quickstart-cancel");
    Runtime.getRuntime().addShutdownHook(hook);
    try {
      return run.await();
    } finally {
      removeHook(hook);
    }
  }

  private static void removeHook(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The JVM is ending already; the hook has done its work.
    }
  }

  private static void say(RunEvent event) {
    if (event instanceof RunEvent.Started s) {
      System.out.println(name(s.stage()) + " " + s.subject());
    } else if (event instanceof RunEvent.EpochFinished e) {
      System.out.printf(
          Locale.ROOT, "  epoch %2d  loss %.4f%n", e.epoch().number(), e.epoch().loss());
    } else if (event instanceof RunEvent.Finished f) {
      System.out.printf(
          Locale.ROOT, "  %s (%.1f s)%n", f.detail(), f.duration().toMillis() / 1000.0);
    } else if (event instanceof RunEvent.Failed f) {
      System.out.println("  failed: " + f.reason());
    } else if (event instanceof RunEvent.Warning w) {
      System.out.println("  warning: " + w.message());
    }
  }

  private static String name(Stage stage) {
    return stage.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }
}
