package io.jetfire.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NumbersTest {

  @ParameterizedTest
  @CsvSource({
    "0, 0 B",
    "999, 999 B",
    "1000, 1.00 kB",
    "12345, 12.3 kB",
    "812344, 812 kB",
    "999499, 999 kB",
    "999500, 1.00 MB",
    "5300000000, 5.30 GB"
  })
  void sizesAreInTheUnitThatSuitsThem(double bytes, String text) {
    assertThat(Numbers.size(bytes)).isEqualTo(text);
  }

  @Test
  void numbersKeepThreeDigits() {
    assertThat(Numbers.decimals(0)).isZero();
    assertThat(Numbers.decimals(0.75)).isEqualTo(3);
    assertThat(Numbers.decimals(0.00075)).isEqualTo(3);
    assertThat(Numbers.decimals(3.2)).isEqualTo(2);
    assertThat(Numbers.decimals(45)).isEqualTo(1);
    assertThat(Numbers.decimals(-1234)).isZero();
  }

  @Test
  void signsAreOnlyOnWhatIsNotZero() {
    assertThat(Numbers.signed(0.0131, 4)).isEqualTo("+0.0131");
    assertThat(Numbers.signed(-0.0131, 4)).isEqualTo("−0.0131");
    assertThat(Numbers.signed(-0.00001, 4)).isEqualTo("0.0000");
  }

  @Test
  void timesAndSharesAreInWords() {
    assertThat(Numbers.duration(Duration.ofMillis(900))).isEqualTo("0.9 s");
    assertThat(Numbers.duration(Duration.ofSeconds(147))).isEqualTo("2 min 27 s");
    assertThat(Numbers.duration(Duration.ofMinutes(125))).isEqualTo("2 h 5 min");
    assertThat(Numbers.percent(1)).isEqualTo("100 %");
    assertThat(Numbers.percent(0.0123)).isEqualTo("1.2 %");
    assertThat(Numbers.plural(1, "device")).isEqualTo("1 device");
    assertThat(Numbers.plural(2, "device")).isEqualTo("2 devices");
  }

  @Test
  void anAxisHasRoundTicksWithinItsEnds() {
    Axis axis = Axis.over(List.of(0.9002, 0.9127), 300, 0);

    assertThat(axis.logarithmic()).isFalse();
    assertThat(axis.ticks().stream().map(axis::label)).containsExactly("0.900", "0.905", "0.910");
    assertThat(axis.at(0.9002)).isGreaterThan(axis.at(0.9127));
  }

  @Test
  void anAxisOverWideValuesIsLogarithmic() {
    Axis axis = Axis.over(List.of(0.3, 120.0), 0, 100);

    assertThat(axis.logarithmic()).isTrue();
    assertThat(axis.ticks().stream().map(axis::label))
        .containsExactly("0.5", "1", "2", "5", "10", "20", "50", "100");
    assertThat(axis.at(0.3)).isBetween(0.0, 10.0);
    assertThat(axis.at(120)).isBetween(90.0, 100.0);
  }

  @ParameterizedTest
  @CsvSource({"0", "5", "0.913", "1e-9", "1e12"})
  void anAxisOverOneValueStillHasTicks(double value) {
    Axis axis = Axis.over(List.of(value, value), 0, 100);

    assertThat(axis.ticks()).hasSizeBetween(1, 12);
    assertThat(axis.at(value)).isBetween(0.0, 100.0);
  }
}
