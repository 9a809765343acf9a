package io.jetfire.adapter.mlmd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.jetfire.StorageException;
import io.jetfire.spi.MetadataStore;
import io.jetfire.spi.MetadataStore.Artifact;
import io.jetfire.spi.MetadataStore.Execution;
import io.jetfire.spi.MetadataStore.Kind;
import io.jetfire.spi.MetadataStore.Recording;
import io.jetfire.spi.MetadataStore.Type;
import io.jetfire.spi.MetadataStore.TypeName;
import io.jetfire.spi.MetadataStore.Value;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class StoreFailuresTest {
  private static final TypeName DATA = TypeName.of("test.Data");

  @SuppressWarnings("NullAway.Init") // JUnit sets it.
  @TempDir
  Path folder;

  @SuppressWarnings("NullAway.Init") // Set before each case.
  private Path file;

  @BeforeEach
  void chooseFile() {
    file = folder.resolve("metadata.db");
  }

  @Test
  void aFullDiskLosesNothingAndTheStoreStaysUsable() throws SQLException {
    try (SqliteMetadataStore store = openWithTypes()) {
      long pages = number(store, "PRAGMA page_count");
      number(store, "PRAGMA max_page_count = " + (pages + 40));
      int[] stored = {0};

      fails(
          () -> {
            while (true) {
              record(store, "step-" + stored[0], 5);
              stored[0]++;
            }
          },
          "disk is full",
          "record an execution",
          "nothing that was stored before is lost",
          file.toString());

      assertThat(stored[0]).isPositive();
      assertThat(store.executions()).hasSize(stored[0]);
      assertThat(store.artifacts()).hasSize(stored[0] * 5);
      number(store, "PRAGMA max_page_count = 100000");
      record(store, "after", 5);
      assertThat(store.executions()).hasSize(stored[0] + 1);
    }
    try (SqliteMetadataStore again = open()) {
      assertThat(again.execution(TypeName.of("test.Step"), "after")).isPresent();
      assertThat(again.database().query("PRAGMA integrity_check", row -> row.getString(1)))
          .containsExactly("ok");
    }
  }

  @Test
  void aFileThatIsNoDatabaseIsRefusedAndLeftAlone() throws IOException {
    String text = "These are my notes, and no database. ".repeat(50);
    Files.writeString(file, text);

    fails(this::open, "no SQLite database", file.toString());

    assertThat(file).hasContent(text);
  }

  @Test
  void aDamagedFileIsRefused() throws IOException {
    openWithTypes().close();
    byte[] bytes = Files.readAllBytes(file);
    Arrays.fill(bytes, 100, bytes.length / 2, (byte) 0x5a);
    Files.write(file, bytes);

    fails(this::open, "damaged");
  }

  @Test
  void aFolderIsRefused() {
    fails(() -> open(folder), "is a folder");
  }

  @Test
  void aFolderThatCannotBeMadeIsNamed() throws IOException {
    Files.writeString(folder.resolve("taken"), "a file");

    fails(() -> open(folder.resolve("taken/sub/metadata.db")), "taken", "choose another path");
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void aFolderThatNobodyCanWriteToIsNamed() {
    // Not even root makes files here.
    fails(() -> open(Path.of("/proc/metadata.db")), "/proc/metadata.db", "can be written");
  }

  @Test
  void aReadOnlyStoreCanStillBeRead() throws SQLException {
    try (SqliteMetadataStore store = openWithTypes()) {
      record(store, "step", 1);
      store.database().execute("PRAGMA query_only = 1");

      fails(() -> record(store, "next", 1), "read-only");
      assertThat(store.executions()).hasSize(1);
    }
  }

  @Test
  void aDiskThatFailsIsAClearError() throws IOException {
    try (SqliteMetadataStore store = openWithTypes()) {
      record(store, "step", 1);
      Path journal = Files.createDirectory(folder.resolve("metadata.db-journal"));

      fails(() -> record(store, "next", 1), "could not be read or written", "Check the disk");
      Files.delete(journal);
      record(store, "next", 1);
      assertThat(store.executions()).hasSize(2);
    }
  }

  @Test
  void aStoreThatAnotherProgramWritesToCanBeReadAndWrittenLater() throws SQLException {
    try (SqliteMetadataStore store = openWithTypes();
        Database other = Database.open(file, Duration.ZERO)) {
      record(store, "step", 1);
      other.execute("BEGIN IMMEDIATE");

      fails(() -> record(store, "next", 1), "locked by another program", "call again");
      assertThat(store.executions()).hasSize(1);
      other.execute("ROLLBACK");
      record(store, "next", 1);
      assertThat(store.executions()).hasSize(2);
    }
  }

  @Test
  void aFileThatAnotherProgramHasForItselfIsAClearError() throws SQLException {
    openWithTypes().close();
    try (Database other = Database.open(file, Duration.ZERO)) {
      other.execute("BEGIN EXCLUSIVE");

      fails(this::open, "locked by another program");
    }
  }

  @Test
  void aWriteWaitsForAnotherStoreOfTheFile() throws Exception {
    try (SqliteMetadataStore one = openWithTypes();
        SqliteMetadataStore two = SqliteMetadataStore.open(file, clock(), Duration.ofSeconds(20))) {
      one.database().execute("BEGIN IMMEDIATE");
      Thread writer = new Thread(() -> record(two, "two", 1));
      writer.start();
      writer.join(200);
      assertThat(writer.isAlive()).isTrue();
      one.database().execute("ROLLBACK");
      writer.join(TimeUnit.SECONDS.toMillis(20));

      assertThat(one.execution(TypeName.of("test.Step"), "two")).isPresent();
    }
  }

  // --- What a file may hold

  @Test
  void anEmptyFileBecomesAStore() throws IOException {
    Files.createFile(file);
    openWithTypes().close();

    assertThat(Files.size(file)).isPositive();
  }

  @Test
  void aDatabaseOfAnotherProgramIsRefused() throws SQLException {
    try (Database other = Database.open(file, Duration.ZERO)) {
      other.execute("CREATE TABLE notes (text TEXT)");
    }

    fails(this::open, "no complete ML Metadata store", "table Type", "table MLMDEnv");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "DROP TABLE MLMDEnv | table MLMDEnv",
        "DROP TABLE EventPath | table EventPath",
        "ALTER TABLE Event RENAME COLUMN type TO kind | column Event.type",
        "DELETE FROM MLMDEnv | holds []",
        "INSERT INTO MLMDEnv VALUES (9) | holds [9, 10]",
        "UPDATE MLMDEnv SET schema_version = 9 | schema version 9",
        "UPDATE MLMDEnv SET schema_version = 11 | newer JetFire",
      })
  void anIncompleteOrOtherSchemaIsRefused(String sql, String message) throws SQLException {
    edit(sql);

    fails(this::open, message, file.toString());
  }

  @Test
  void simpleTypesAreAddedAndIndicesExtraColumnsAndTablesDoNotMatter() throws SQLException {
    edit(
        "DELETE FROM Type WHERE name = 'mlmd.Deploy'",
        "DROP INDEX idx_type_name",
        "CREATE TABLE notes (text TEXT)",
        "ALTER TABLE Artifact ADD COLUMN note TEXT");

    try (SqliteMetadataStore store = open()) {
      assertThat(store.type(Kind.EXECUTION, TypeName.of("mlmd.Deploy")))
          .get()
          .extracting(Type::id)
          .isEqualTo(10L);
      store.putType(Type.artifact("test.Data").build());
      assertThat(store.putArtifact(Artifact.builder(DATA).name("a").build()).id()).isEqualTo(1);
    }
  }

  @Test
  void theJournalModeOfAFileStays() throws SQLException {
    edit("PRAGMA journal_mode = WAL");

    try (SqliteMetadataStore store = openWithTypes()) {
      record(store, "step", 1);
      assertThat(store.database().query("PRAGMA journal_mode", row -> row.getString(1)))
          .containsExactly("wal");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"a b.db", "what?.db", "100%25.db", "a#b.db", "Grüße-😀.db", "x'y\".db"})
  @EnabledOnOs({OS.LINUX, OS.MAC})
  void aFileMayHaveAnyName(String name) {
    file = folder.resolve("sub folder").resolve(name);

    openWithTypes().close();

    assertThat(file).isRegularFile();
    assertThat(folder.resolve("sub folder").toFile().list()).containsExactly(name);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "int_value = 1.5 | int_value",
        "int_value = 'abc' | int_value",
        "double_value = 'abc' | double_value",
        "string_value = '__MLMD_NULL__' | __MLMD_NULL__",
        "string_value = 'mlmd-struct::***' | base64",
        "string_value = 'mlmd-struct::CgkK' | length",
        "proto_value = x'ff00' | base64",
        "proto_value = 'EgEx' | type URL",
        "bool_value = 2 | bool_value",
        "name = 'p' | no column",
      })
  void aValueThatCannotBeReadIsNamedAndTheOthersAreRead(String cell, String message)
      throws SQLException {
    long bad;
    Artifact good;
    try (SqliteMetadataStore store = openWithTypes()) {
      good = store.putArtifact(Artifact.builder(DATA).customProperty("p", 1).build());
      bad = store.putArtifact(Artifact.builder(DATA).customProperty("p", 1).build()).storedId();
    }
    edit(
        "UPDATE ArtifactProperty SET int_value = NULL WHERE artifact_id = " + bad,
        "UPDATE ArtifactProperty SET " + cell + " WHERE artifact_id = " + bad);

    try (SqliteMetadataStore store = open()) {
      fails(() -> store.artifact(bad), message, "\"p\"", "artifact " + bad, "ArtifactProperty");
      assertThat(store.artifact(good.storedId())).contains(good);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "double_value = 9e999 | Infinity",
        "double_value = 'NaN' | NaN",
        "int_value = 7, double_value = 0.5 | 7",
        "bool_value = 'true' | true",
        "bool_value = 0 | false",
        "string_value = 'mlmd-struct::' | {}",
        "string_value = 'mlmd-struct::CgkKAWESBBoCw7w' | ü",
        "proto_value = x'4367466845674542' | 1 bytes",
      })
  void whatOtherProgramsWriteIsRead(String cells, String shown) throws SQLException {
    long id;
    try (SqliteMetadataStore store = openWithTypes()) {
      id = store.putArtifact(Artifact.builder(DATA).customProperty("p", 1).build()).storedId();
    }
    edit(
        "UPDATE ArtifactProperty SET int_value = NULL WHERE artifact_id = " + id,
        "UPDATE ArtifactProperty SET " + cells + " WHERE artifact_id = " + id);

    try (SqliteMetadataStore store = open()) {
      Value value = store.artifact(id).orElseThrow().value("p").orElseThrow();
      assertThat(value.toString()).contains(shown);
    }
  }

  @Test
  void statesAndUrisOutOfTheOrdinaryAreAbsent() throws SQLException {
    long id;
    try (SqliteMetadataStore store = openWithTypes()) {
      id = store.putArtifact(Artifact.builder(DATA).uri("file:a").build()).storedId();
    }
    edit("UPDATE Artifact SET state = 99, uri = NULL WHERE id = " + id);

    try (SqliteMetadataStore store = open()) {
      Artifact artifact = store.artifact(id).orElseThrow();
      assertThat(artifact.state()).isNull();
      assertThat(artifact.uri()).isNull();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "UPDATE Artifact SET type_id = 0 | type id 0",
        "UPDATE Event SET type = 42 | unknown type 42",
        "UPDATE TypeProperty SET data_type = 99 | unknown kind 99",
      })
  void aRowThatCannotBeUnderstoodIsNamed(String sql, String message) throws SQLException {
    try (SqliteMetadataStore store = openWithTypes()) {
      record(store, "step", 1);
    }
    edit(sql);

    try (SqliteMetadataStore store = open()) {
      fails(
          () -> {
            store.types(Kind.ARTIFACT);
            store.artifacts();
            store.eventsByExecution(1);
          },
          message,
          "correct the");
    }
  }

  @Test
  void aStructThatIsNestedTooDeeplyIsRefusedOnReading() {
    byte[] value = new ProtoWriter().varint(1, 0).toBytes();
    for (int i = 0; i < 20_000; i++) {
      value = new ProtoWriter().bytes(6, new ProtoWriter().bytes(1, value).toBytes()).toBytes();
    }
    byte[] entry = new ProtoWriter().string(1, "a").bytes(2, value).toBytes();
    byte[] struct = new ProtoWriter().bytes(1, entry).toBytes();
    String text = "mlmd-struct::" + Base64.getEncoder().encodeToString(struct);

    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> StoredValues.text(text))
        .withMessageContaining("nested too deeply");
  }

  // --- The native library

  @Test
  void aPlatformWithoutNativeLibraryIsAClearError() throws Exception {
    assertThat(openInAnotherJvm("-Dos.arch=abacus"))
        .contains("io.jetfire.PlatformException", "abacus", "cannot be loaded", "\"memory\"");
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void aTemporaryFolderThatCannotBeWrittenIsAClearError() throws Exception {
    assertThat(openInAnotherJvm("-Dorg.sqlite.tmpdir=/proc/none"))
        .contains("io.jetfire.PlatformException", "org.sqlite.tmpdir");
  }

  private String openInAnotherJvm(String option) throws IOException, InterruptedException {
    Path printed = folder.resolve("printed");
    Process child = ChildJvm.start(Opener.class, List.of(option), printed, file.toString());
    int code = child.waitFor();
    String output = Files.readString(printed);
    assertThat(code).as(output).isZero();
    return output;
  }

  /** Opens a store and says what happened. */
  static final class Opener {
    private Opener() {}

    /** Runs with the file. */
    public static void main(String[] arguments) {
      String result;
      try (MetadataStore store =
          SqliteMetadataStore.open(Path.of(arguments[0]), clock(), Duration.ZERO)) {
        result = "opened " + store;
      } catch (RuntimeException e) {
        result = e.toString();
      }
      System.out.println(result);
    }
  }

  private static Clock clock() {
    return Clock.systemUTC();
  }

  private SqliteMetadataStore open() {
    return open(file);
  }

  private static SqliteMetadataStore open(Path file) {
    return SqliteMetadataStore.open(file, clock(), Duration.ofMillis(50));
  }

  private SqliteMetadataStore openWithTypes() {
    SqliteMetadataStore store = open();
    store.putTypes(
        List.of(
            Type.artifact("test.Data").property("rows", MetadataStore.PropertyType.INT).build(),
            Type.execution("test.Step").build()));
    return store;
  }

  /** Changes a store's file behind its back. */
  private void edit(String... statements) throws SQLException {
    open().close();
    try (Database database = Database.open(file, Duration.ofSeconds(1))) {
      for (String statement : statements) {
        database.execute(statement);
      }
    }
  }

  private static void record(MetadataStore store, String name, int outputs) {
    Recording.Builder recording = Recording.of(Execution.builder("test.Step").name(name).build());
    for (int i = 0; i < outputs; i++) {
      recording.output(
          Artifact.builder(DATA).customProperty("text", "x".repeat(2000)).build(), "out" + i);
    }
    store.record(recording.build());
  }

  private static long number(SqliteMetadataStore store, String sql) throws SQLException {
    return store.database().query(sql, row -> row.getLong(1)).get(0);
  }

  private static void fails(ThrowingCallable call, String... named) {
    assertThatExceptionOfType(StorageException.class)
        .isThrownBy(call)
        .satisfies(error -> assertThat(error.getMessage()).contains(named));
  }
}
