package io.jetfire.adapter.djl.internal.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.util.Utils;
import io.jetfire.PlatformException;
import io.jetfire.StorageException;
import io.jetfire.adapter.djl.TestContext;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DjlEngineTest {

  @Test
  void startsOfflineWithoutTelemetryOnOneThread() {
    DjlEngine engine = DjlEngine.start(TestContext.create());

    assertThat(Utils.isOfflineMode()).isTrue();
    assertThat(Utils.getEnvOrSystemProperty("OPT_OUT_TRACKING")).isEqualTo("true");
    assertThat(engine.threads()).isEqualTo(1);
    assertThat(engine.version()).isEqualTo("DJL 0.35.1, PyTorch 2.7.1");
    assertThat(Utils.getCacheDir().toAbsolutePath().toString()).contains("target");
  }

  @Test
  void setsWhatNobodySet() {
    Map<String, String> configured = Map.of("threads", "2", "cache", "/some/where");

    assertThat(DjlEngine.settings(TestContext.create(), name -> null))
        .containsEntry("ai.djl.offline", "true")
        .containsEntry("OPT_OUT_TRACKING", "true")
        .containsEntry("ai.djl.pytorch.num_threads", "1")
        .containsEntry("DJL_CACHE_DIR", Path.of("target/cache/djl").toAbsolutePath().toString());
    assertThat(DjlEngine.settings(new TestContext(configured), name -> null))
        .containsEntry("ai.djl.pytorch.num_threads", "2")
        .containsEntry("DJL_CACHE_DIR", "/some/where");
  }

  @Test
  void keepsWhatTheUserSet() {
    Map<String, String> environment =
        Map.of(
            "DJL_OFFLINE", "false",
            "OPT_OUT_TRACKING", "false",
            "DJL_CACHE_DIR", "/elsewhere",
            "OMP_NUM_THREADS", "4");
    assertThat(DjlEngine.settings(TestContext.create(), environment::get)).isEmpty();
  }

  @Test
  void aFolderThatCannotBeWrittenIsNamed(@TempDir Path directory) throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "not a folder");

    assertThatThrownBy(() -> DjlEngine.requireRoom(file.resolve("cache")))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining("DJL_CACHE_DIR");
  }

  @Test
  void aLibraryThatCannotBeLoadedIsExplained() {
    Throwable error =
        new IllegalStateException(
            "Failed to load PyTorch native library",
            new UnsatisfiedLinkError("libtorch.so: version `GLIBC_2.28' not found"));

    PlatformException explained = DjlEngine.explain(error, Path.of("/some/cache"));

    assertThat(explained)
        .hasMessageContaining("GLIBC_2.28")
        .hasMessageContaining("musl")
        .hasMessageContaining("pytorch-native-cpu")
        .hasMessageContaining("cache")
        .hasCause(error);
  }
}
