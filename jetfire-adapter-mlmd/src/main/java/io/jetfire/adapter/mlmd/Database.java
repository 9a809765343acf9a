package io.jetfire.adapter.mlmd;

import io.jetfire.PlatformException;
import io.jetfire.StorageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteException;
import org.sqlite.SQLiteJDBCLoader;

/**
 * One SQLite file and its only connection: transactions, one at a time, and errors that say what to
 * do. The journal mode and the other settings of a file are left as they are found, because other
 * programs share it.
 */
final class Database implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Database.class);

  private final ReentrantLock lock = new ReentrantLock();
  private final Path file;
  private final Connection connection;
  private boolean closed;

  private Database(Path file, Connection connection) {
    this.file = file;
    this.connection = connection;
  }

  /** What runs inside a transaction. */
  @FunctionalInterface
  interface Work<T> {
    T run() throws SQLException;
  }

  /** Reads one row. */
  @FunctionalInterface
  interface RowReader<T> {
    T read(ResultSet row) throws SQLException;
  }

  /** Opens the file, or makes it with its folders; what it holds is looked at later. */
  static Database open(Path file, Duration busyTimeout) {
    loadNativeLibrary();
    if (Files.isDirectory(file)) {
      throw new StorageException(
          "The metadata store " + file + " is a folder; set path to a file in it");
    }
    Path folder = file.getParent();
    if (folder != null) {
      try {
        Files.createDirectories(folder);
      } catch (IOException e) {
        throw new StorageException(
            "The folder "
                + folder
                + " of the metadata store cannot be made ("
                + e
                + "); choose another path",
            e);
      }
    }
    SQLiteConfig config = new SQLiteConfig();
    config.setBusyTimeout(Math.toIntExact(busyTimeout.toMillis()));
    try {
      // A URI, because a plain name would be cut at a question mark.
      return new Database(file, config.createConnection("jdbc:sqlite:" + file.toUri()));
    } catch (SQLException e) {
      throw failure(file, "open it", e);
    }
  }

  private static void loadNativeLibrary() {
    try {
      SQLiteJDBCLoader.initialize();
    } catch (Exception | LinkageError e) {
      throw new PlatformException(
          "The metadata store mlmd-sqlite needs SQLite's native library, which cannot be loaded on "
              + System.getProperty("os.name")
              + " "
              + System.getProperty("os.arch")
              + " ("
              + e.getMessage()
              + "). Check that sqlite-jdbc has a library for this platform and that the folder for "
              + "temporary files (system property org.sqlite.tmpdir or java.io.tmpdir) can be "
              + "written and may hold executable files, or use the metadata store \"memory\"",
          e);
    }
  }

  Path file() {
    return file;
  }

  /**
   * Runs work that writes, all of it or nothing.
   *
   * @param what the work in words that follow "cannot", for errors
   */
  <T> T write(String what, Work<T> work) {
    return transaction("BEGIN IMMEDIATE", what, work);
  }

  /** Runs work that only reads, and sees one state of the file. */
  <T> T read(String what, Work<T> work) {
    return transaction("BEGIN", what, work);
  }

  private <T> T transaction(String begin, String what, Work<T> work) {
    lock.lock();
    try {
      if (closed) {
        throw new IllegalStateException("the metadata store " + file + " is closed");
      }
      boolean done = false;
      try {
        execute(begin);
        T result = work.run();
        execute("COMMIT");
        done = true;
        return result;
      } catch (SQLException e) {
        throw failure(file, what, e);
      } finally {
        if (!done) {
          rollBack();
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private void rollBack() {
    try {
      execute("ROLLBACK");
    } catch (SQLException e) {
      // SQLite has rolled back by itself after some errors, or the transaction never began.
      log.debug("Nothing to roll back in {}: {}", file, e.getMessage());
    }
  }

  /** Runs a statement that has no parameters and no result. */
  void execute(String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  /** Runs a statement that changes rows; returns how many. */
  int update(String sql, @Nullable Object... parameters) throws SQLException {
    try (PreparedStatement statement = prepare(sql, parameters)) {
      return statement.executeUpdate();
    }
  }

  /** Inserts a row into a table with an AUTOINCREMENT id; returns the id. */
  long insert(String sql, @Nullable Object... parameters) throws SQLException {
    update(sql, parameters);
    return query("SELECT last_insert_rowid()", row -> row.getLong(1)).get(0);
  }

  <T> List<T> query(String sql, RowReader<T> reader, @Nullable Object... parameters)
      throws SQLException {
    List<T> rows = new ArrayList<>();
    try (PreparedStatement statement = prepare(sql, parameters);
        ResultSet results = statement.executeQuery()) {
      while (results.next()) {
        rows.add(reader.read(results));
      }
    }
    return rows;
  }

  boolean exists(String sql, @Nullable Object... parameters) throws SQLException {
    return !query(sql, row -> row.getLong(1), parameters).isEmpty();
  }

  private PreparedStatement prepare(String sql, @Nullable Object... parameters)
      throws SQLException {
    PreparedStatement statement = connection.prepareStatement(sql);
    try {
      for (int i = 0; i < parameters.length; i++) {
        statement.setObject(i + 1, parameters[i]);
      }
      return statement;
    } catch (SQLException | RuntimeException e) {
      statement.close();
      throw e;
    }
  }

  @Override
  public void close() {
    lock.lock();
    try {
      if (!closed) {
        closed = true;
        connection.close();
      }
    } catch (SQLException e) {
      throw failure(file, "close it", e);
    } finally {
      lock.unlock();
    }
  }

  private static StorageException failure(Path file, String what, SQLException e) {
    String store = "The metadata store " + file;
    String kept = "; nothing that was stored before is lost";
    String cannot = "; cannot " + what;
    String message =
        switch (primaryCode(e)) {
          case 5, 6 -> // SQLITE_BUSY, SQLITE_LOCKED
              store
                  + " is locked by another program"
                  + cannot
                  + ". Wait for the other program or end it, then call again";
          case 8 -> // SQLITE_READONLY
              store + " is read-only" + cannot + ". Allow writing to the file and its folder";
          case 10 -> // SQLITE_IOERR
              store + " could not be read or written" + cannot + kept + ". Check the disk";
          case 11 -> // SQLITE_CORRUPT
              store + " is damaged" + cannot + ". Restore it from a copy, or choose another path";
          case 13 -> // SQLITE_FULL
              store
                  + " could not grow because the disk is full"
                  + cannot
                  + kept
                  + ". Free some space, then call again";
          case 14 -> // SQLITE_CANTOPEN
              store
                  + " or its journal cannot be opened"
                  + cannot
                  + ". Check that the folder exists and that it and the file can be written";
          case 26 -> // SQLITE_NOTADB
              store + " is no SQLite database" + cannot + ". Choose another path";
          default -> store + " failed" + cannot + kept;
        };
    return new StorageException(message + " (" + e.getMessage() + ")", e);
  }

  /** The low byte of SQLite's extended result code, or -1. */
  private static int primaryCode(SQLException e) {
    return e instanceof SQLiteException sqlite ? sqlite.getResultCode().code & 0xff : -1;
  }
}
