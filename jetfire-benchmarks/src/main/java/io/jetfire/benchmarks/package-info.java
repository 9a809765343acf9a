/**
 * Speed, measured with JMH and stated as ratios.
 *
 * <p>A benchmark class has one method for what JetFire does and one for what the same work costs
 * without it; {@link io.jetfire.benchmarks.Ratios} runs the two in turns and prints the median of
 * their ratios, which noise of the machine moves far less than either time.
 */
@NullMarked
package io.jetfire.benchmarks;

import org.jspecify.annotations.NullMarked;
