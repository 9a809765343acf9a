package io.jetfire.core.internal.evaluate;

import io.jetfire.ConfigurationException;
import io.jetfire.DataException;
import io.jetfire.Dataset;
import io.jetfire.Evaluation;
import io.jetfire.EvaluationResult;
import io.jetfire.JetFireException;
import io.jetfire.Loss;
import io.jetfire.Model;
import io.jetfire.OutputDecoder;
import io.jetfire.Prediction;
import io.jetfire.Preprocessing;
import io.jetfire.Sample;
import io.jetfire.Target;
import io.jetfire.Tensor;
import io.jetfire.core.internal.Tasks;
import io.jetfire.spi.Cancellation;
import io.jetfire.spi.ModelRuntime;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Evaluates a model on a dataset: samples are streamed, several sessions work side by side, and
 * results are added up in the order of the samples, so that they do not depend on timing.
 */
public final class Evaluator {
  /** Samples that are under way together, per session: enough to keep all sessions busy. */
  private static final int BATCH_PER_SESSION = 16;

  private final ExecutorService executor;
  private final int sessions;

  /**
   * Creates an evaluator.
   *
   * @param executor runs the sessions
   * @param sessions how many work side by side, at least 1
   */
  public Evaluator(ExecutorService executor, int sessions) {
    this.executor = executor;
    this.sessions = sessions;
  }

  /**
   * What to evaluate.
   *
   * @param model the model
   * @param runtime what executes it
   * @param options how
   * @param preprocessing from a sample to its inputs
   * @param decoding from its outputs to what they mean
   */
  public record Subject(
      Model model,
      ModelRuntime runtime,
      ModelRuntime.Options options,
      Preprocessing preprocessing,
      OutputDecoder decoding) {}

  /** What one sample gave. */
  private record Answer(Sample sample, Prediction prediction, double loss, List<Tensor> outputs) {}

  /**
   * Evaluates a model.
   *
   * @param subject what to evaluate
   * @param evaluation on what, with which metrics
   * @param writeReference where to keep the outputs, as the reference for variants
   * @param reference kept outputs to compare with
   * @param cancellation is asked between batches
   * @return what was measured
   * @throws DataException if the dataset is empty, has one class only, or does not fit the model
   */
  public EvaluationResult evaluate(
      Subject subject,
      Evaluation evaluation,
      Optional<Path> writeReference,
      Optional<Path> reference,
      Cancellation cancellation) {
    Dataset dataset = evaluation.dataset();
    EvaluationMetrics metrics =
        evaluation.task() == Evaluation.Task.CLASSIFICATION
            ? new ClassificationMetrics(dataset.labels())
            : new DetectionMetrics(dataset.labels(), evaluation.iouThresholds());
    long samples = 0;
    double lossSum = 0;
    TargetCheck targets = new TargetCheck(evaluation);
    List<ModelRuntime.Session> open = new ArrayList<>();
    try (Stream<Sample> stream = read(dataset, dataset::samples);
        ReferenceOutputs.Writer writer = ReferenceOutputs.writer(writeReference);
        ReferenceOutputs.Comparison comparison = ReferenceOutputs.comparison(reference)) {
      for (int i = 0; i < sessions; i++) {
        open.add(subject.runtime().open(subject.model(), subject.options()));
      }
      Iterator<Sample> all = stream.iterator();
      while (true) {
        cancellation.check();
        List<Sample> batch = read(dataset, () -> next(all, BATCH_PER_SESSION * sessions));
        if (batch.isEmpty()) {
          break;
        }
        for (Answer answer : answers(batch, open, subject, evaluation.loss())) {
          targets.see(answer.sample());
          metrics.add(answer.sample(), answer.prediction());
          lossSum += answer.loss();
          writer.add(answer.outputs());
          comparison.add(answer.outputs());
          samples++;
        }
      }
      targets.check(samples);
      Map<String, Double> values = new LinkedHashMap<>();
      if (evaluation.loss().isPresent()) {
        values.put(EvaluationResult.LOSS, lossSum / samples);
      }
      metrics.metrics(values);
      comparison.metrics(values);
      return new EvaluationResult(
          evaluation.task(),
          subject.runtime().version() + ", " + subject.options().delegate(),
          dataset.name(),
          dataset.fingerprint(),
          samples,
          evaluation.primaryMetric(),
          values,
          metrics.classes(),
          metrics.confusion());
    } finally {
      open.forEach(ModelRuntime.Session::close);
    }
  }

  private static List<Sample> next(Iterator<Sample> all, int most) {
    List<Sample> batch = new ArrayList<>();
    while (batch.size() < most && all.hasNext()) {
      batch.add(all.next());
    }
    return batch;
  }

  /** Reading a dataset is user code: its errors become ones that say where they come from. */
  private static <T> T read(Dataset dataset, Supplier<T> reading) {
    try {
      return reading.get();
    } catch (JetFireException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new DataException("The dataset '" + dataset.name() + "' cannot be read: " + e, e);
    }
  }

  private List<Answer> answers(
      List<Sample> batch, List<ModelRuntime.Session> open, Subject subject, Optional<Loss> loss) {
    // Whoever is free takes the next sample: sessions are not equally fast, nor are samples.
    AtomicInteger next = new AtomicInteger();
    Answer[] answers = new Answer[batch.size()];
    AtomicReferenceArray<RuntimeException> failures = new AtomicReferenceArray<>(batch.size());
    List<FutureTask<Boolean>> tasks = new ArrayList<>();
    for (ModelRuntime.Session session : open.subList(0, Math.min(open.size(), batch.size()))) {
      tasks.add(
          new FutureTask<>(
              () -> {
                for (int i = next.getAndIncrement();
                    i < answers.length;
                    i = next.getAndIncrement()) {
                  try {
                    answers[i] = answer(batch.get(i), session, subject, loss);
                  } catch (RuntimeException e) {
                    failures.set(i, e);
                    next.set(answers.length);
                  }
                }
                return true;
              }));
    }
    Tasks.all(executor, tasks);
    // Samples are taken in order, so the first bad one is among those that were taken.
    for (int i = 0; i < answers.length; i++) {
      RuntimeException failure = failures.get(i);
      if (failure != null) {
        throw failure;
      }
    }
    return List.of(answers);
  }

  private static Answer answer(
      Sample sample, ModelRuntime.Session session, Subject subject, Optional<Loss> loss) {
    try {
      return decoded(sample, session, subject, loss);
    } catch (JetFireException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new DataException(
          "Sample "
              + sample.id()
              + " could not be evaluated, in user code (preprocessing, decoding, loss) or in the"
              + " runtime: "
              + e,
          e);
    }
  }

  private static Answer decoded(
      Sample sample, ModelRuntime.Session session, Subject subject, Optional<Loss> loss) {
    List<Tensor> raw = session.run(subject.preprocessing().apply(sample, session.inputs()));
    List<Tensor> outputs = new ArrayList<>();
    for (int i = 0; i < raw.size(); i++) {
      outputs.add(session.outputs().get(i).dequantize(raw.get(i)));
    }
    return new Answer(
        sample,
        subject.decoding().decode(outputs),
        loss.map(l -> l.of(outputs, sample)).orElse(0.0),
        outputs);
  }

  /** Refuses datasets on which metrics would say nothing. */
  private static final class TargetCheck {
    private final Evaluation evaluation;
    private final Set<Integer> seen = new TreeSet<>();

    TargetCheck(Evaluation evaluation) {
      this.evaluation = evaluation;
      if (evaluation.dataset().labels().isEmpty()) {
        throw new ConfigurationException(
            "The dataset '"
                + evaluation.dataset().name()
                + "' has no labels, which an evaluation needs to name classes");
      }
    }

    void see(Sample sample) {
      if (sample.target() instanceof Target.Label label) {
        seen.add(label.index());
      } else if (sample.target() instanceof Target.Boxes boxes) {
        boxes.boxes().forEach(b -> seen.add(b.label()));
      }
    }

    void check(long samples) {
      String name = evaluation.dataset().name();
      if (samples == 0) {
        throw new DataException(
            "The dataset '" + name + "' is empty; give it samples, or check where it reads them");
      }
      if (seen.isEmpty()) {
        throw new DataException(
            "The dataset '" + name + "' has no ground truth in " + samples + " samples");
      }
      boolean single = seen.size() == 1 && evaluation.dataset().labels().size() > 1;
      if (single && evaluation.task() == Evaluation.Task.CLASSIFICATION) {
        throw new DataException(
            "All "
                + samples
                + " samples of the dataset '"
                + name
                + "' have one class ('"
                + evaluation.dataset().labels().get(seen.iterator().next())
                + "'), on which accuracy says nothing; add samples of the other classes");
      }
    }
  }
}
