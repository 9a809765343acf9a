package io.jetfire;

import java.util.List;

/**
 * What a model saw on a device in one frame.
 *
 * @param frame the index of the frame in the workload, from 0
 * @param session which session, from 0
 * @param detections what it saw; may be empty
 * @param line the number of the first line that says so; 0 if there are no lines
 */
public record FrameDetections(long frame, int session, List<Detection> detections, long line) {
  /** Copies the list. */
  public FrameDetections {
    detections = List.copyOf(detections);
  }
}
