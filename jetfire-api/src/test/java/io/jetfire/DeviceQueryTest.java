package io.jetfire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DeviceQueryTest {
  private static final Device PIXEL =
      new Device(
          "oriole-33",
          "Pixel 6 (Android 13)",
          Map.of("model", "oriole", "version", "33", "ram", "8000000000", "path", "a.b\\Ec"));

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "model=oriole,version=33 | true",
        "model = ORIOLE , version = 33 | true",
        "model=redfin | false",
        "model!=redfin | true",
        "model!=ori* | false",
        "version>=33 | true",
        "version>33 | false",
        "version<33.5 | true",
        "version<=32 | false",
        "version<100 | true",
        "ram<=8000000000 | true",
        "ram>8000000000 | false",
        "id=oriole-33 | true",
        "name=Pixel 6* | true",
        "name=*Android 13) | true",
        "name=*6*13* | true",
        "name=Pixel *6* | true",
        "name=Pixel6 *| false",
        "name=Pi *| false",
        "name=Pi*xel 6 | false",
        "path=a.b\\Ec | true",
        "path=a?b* | false",
        "path=aXb* | false",
        "nothing=x | false",
        "nothing>=0 | false",
        "nothing<=0 | false",
        "model>=1 | false",
      })
  void matches(String query, boolean expected) {
    assertThat(DeviceQuery.parse(query).matches(PIXEL)).as(query).isEqualTo(expected);
  }

  @Test
  void aSpaceBeforeAStarCounts() {
    Device plain = new Device("x", "Pixel6", Map.of());
    assertThat(DeviceQuery.parse("name=Pixel *").matches(plain)).isFalse();
    assertThat(DeviceQuery.parse("name=Pixel*").matches(plain)).isTrue();
  }

  @Test
  void anyMatchesEverything() {
    assertThat(DeviceQuery.any().matches(PIXEL)).isTrue();
    assertThat(DeviceQuery.any()).hasToString("any").isEqualTo(DeviceQuery.parse("any"));
    assertThat(DeviceQuery.parse(" ")).isEqualTo(DeviceQuery.any());
  }

  @Test
  void conditionsAdd() {
    DeviceQuery query = DeviceQuery.ramAtMost(9_000_000_000L).and(DeviceQuery.parse("version>=30"));
    assertThat(query).hasToString("ram<=9000000000,version>=30");
    assertThat(query.matches(PIXEL)).isTrue();
    assertThat(query.and(DeviceQuery.ramAtLeast(8_500_000_000L)).matches(PIXEL)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "model",
        "=x",
        "model=",
        "a=b,",
        ",",
        "model~x",
        "1a=b",
        "version>=new",
        "version<1e5"
      })
  void refusesWhatIsNoQuery(String text) {
    assertThatThrownBy(() -> DeviceQuery.parse(text))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("'" + text + "'");
  }

  @Test
  void textIsReadBackAsTheSameQuery() {
    SplittableRandom random = new SplittableRandom(6);
    String chars = "ab*=<>!. -_9\\E[]()$";
    List<String> operators = List.of("=", "!=", "<=", ">=", "<", ">");
    int read = 0;
    for (int i = 0; i < 50_000; i++) {
      StringBuilder text = new StringBuilder();
      int conditions = random.nextInt(1, 4);
      for (int c = 0; c < conditions; c++) {
        text.append(c == 0 ? "" : ",").append("k").append(random.nextInt(3));
        String operator = operators.get(random.nextInt(operators.size()));
        text.append(operator);
        if (operator.startsWith("<") || operator.startsWith(">")) {
          text.append(random.nextInt(-5, 100));
        } else {
          for (int n = random.nextInt(1, 6); n > 0; n--) {
            text.append(chars.charAt(random.nextInt(chars.length())));
          }
        }
      }
      DeviceQuery query;
      try {
        query = DeviceQuery.parse(text.toString());
      } catch (ConfigurationException e) {
        continue;
      }
      read++;
      assertThat(DeviceQuery.parse(query.toString())).as("%s", text).isEqualTo(query);
      assertThat(query.matches(PIXEL)).isIn(true, false);
    }
    assertThat(read).isGreaterThan(30_000);
  }
}
