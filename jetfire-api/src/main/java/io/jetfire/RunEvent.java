package io.jetfire;

import java.time.Duration;

/** Something that happened in a run. */
public sealed interface RunEvent {

  /**
   * A step began.
   *
   * @param stage the stage
   * @param subject what it works on, such as a variant
   */
  record Started(Stage stage, String subject) implements RunEvent {}

  /**
   * A step ended well.
   *
   * @param stage the stage
   * @param subject what it worked on
   * @param duration how long it took
   * @param detail what came out, in a few words
   * @param reused true if an earlier attempt of this run had done it
   */
  record Finished(Stage stage, String subject, Duration duration, String detail, boolean reused)
      implements RunEvent {}

  /**
   * A step failed; the others go on.
   *
   * @param stage the stage
   * @param subject what it worked on
   * @param reason what happened and what to do
   */
  record Failed(Stage stage, String subject, String reason) implements RunEvent {}

  /**
   * An epoch of a training ended.
   *
   * @param training the training's name
   * @param epoch what was measured
   */
  record EpochFinished(String training, TrainedModel.Epoch epoch) implements RunEvent {}

  /**
   * A run on a device has come further.
   *
   * @param device the device
   * @param farmRun the farm's id of the run
   * @param state how far it is
   * @param detail what the farm says; may be empty
   */
  record DeviceState(String device, String farmRun, String state, String detail)
      implements RunEvent {}

  /**
   * Something that the user should know.
   *
   * @param message the text
   */
  record Warning(String message) implements RunEvent {}
}
