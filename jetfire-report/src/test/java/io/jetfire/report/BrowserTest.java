package io.jetfire.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.jetfire.Report;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Opens pages in a browser from the file system, as a reader does. */
class BrowserTest {
  private static final Pattern ROW =
      Pattern.compile("<tr( data-cell=[^>]*)>(.*?)</tr>", Pattern.DOTALL);
  private static final Pattern CELL = Pattern.compile("<t[hd][^>]*>(.*?)</t[hd]>", Pattern.DOTALL);

  @SuppressWarnings("NullAway.Init") // JUnit sets it.
  @TempDir
  Path folder;

  @Test
  void theAddressChoosesTheOrderAndTheFilter() throws Exception {
    String page = open(SampleReports.typical(), "#delegate=XNNPACK&sort.cells=8.descending");

    List<List<String>> rows = rows(page, "cells");
    assertThat(column(rows, 3)).containsOnly("XNNPACK").hasSize(16);
    List<Double> medians = column(rows, 8).stream().map(Double::valueOf).toList();
    assertThat(medians).isSortedAccordingTo((a, b) -> Double.compare(b, a));
    assertThat(medians.get(0)).isEqualTo(22.134);
    assertThat(page).contains(">16 of 23 shown<", "aria-sort=\"descending\"");
    assertThat(page.split("<g class=\"mark[^>]*hidden=\"\"", -1)).hasSize(1 + 21 - 16);
  }

  @Test
  void cellsWithoutANumberComeLast() throws Exception {
    String page = open(SampleReports.typical(), "#sort.cells=8.ascending");

    List<String> medians = column(rows(page, "cells"), 8);
    assertThat(medians).hasSize(23).startsWith("0.750", "1.066").endsWith("–", "–");
    assertThat(page).doesNotContain("of 23 shown");
  }

  @Test
  void aHostileNameDoesNothing() throws Exception {
    String title = "document.title='taken over'";
    String name = "\"><img src=x onerror=\"" + title + "\"><script>" + title + "</script>";

    String page = open(SampleReports.filledWith(name), "#variant=%22%3E%3Cimg%20src%3Dx%3E");

    String shown = page.substring(page.indexOf("<title>") + 7, page.indexOf("</title>"));
    assertThat(shown)
        .isEqualTo(name.replace("<", "&lt;").replace(">", "&gt;") + " – JetFire report");
    assertThat(page.split("<script", -1)).hasSize(2);
    assertThat(page).doesNotContain("<img");
  }

  /** The page as it is once its script has run. */
  private String open(Report report, String fragment) throws IOException, InterruptedException {
    Path browser = browser();
    Path file = new HtmlReportWriter().write(report, folder);
    Path output = folder.resolve("page");
    Process process =
        new ProcessBuilder(
                browser.toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--user-data-dir=" + folder.resolve("profile"),
                "--dump-dom",
                file.toUri() + fragment)
            .redirectOutput(output.toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    try {
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("the browser ends").isTrue();
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
    return Files.readString(output);
  }

  private static Path browser() {
    Optional<Path> found =
        Stream.of("chromium", "chromium-browser", "google-chrome", "chrome")
            .flatMap(
                name ->
                    Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
                        .map(folder -> Path.of(folder, name)))
            .filter(Files::isExecutable)
            .findFirst();
    assumeThat(found).as("Chromium or Chrome on the PATH").isPresent();
    return found.orElseThrow();
  }

  private static List<List<String>> rows(String page, String table) {
    int start = page.indexOf("<table id=\"" + table + "\"");
    Matcher row = ROW.matcher(page.substring(start, page.indexOf("</table>", start)));
    List<List<String>> rows = new ArrayList<>();
    while (row.find()) {
      if (!row.group(1).contains("hidden=\"\"")) {
        List<String> cells = new ArrayList<>();
        Matcher cell = CELL.matcher(row.group(2));
        while (cell.find()) {
          cells.add(cell.group(1).replaceAll("<[^>]*>", ""));
        }
        rows.add(cells);
      }
    }
    return rows;
  }

  private static List<String> column(List<List<String>> rows, int index) {
    return rows.stream().map(row -> row.get(index)).toList();
  }
}
