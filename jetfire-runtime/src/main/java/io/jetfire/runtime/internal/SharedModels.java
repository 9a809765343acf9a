package io.jetfire.runtime.internal;

import io.jetfire.Model;
import io.jetfire.runtime.internal.engine.EngineSession;
import io.jetfire.runtime.internal.engine.InterpreterSettings;
import io.jetfire.runtime.internal.engine.NativeInterpreter;
import io.jetfire.runtime.internal.engine.NativeModel;
import java.util.HashMap;
import java.util.Map;

/**
 * Models in native memory, shared by all sessions on the same content.
 *
 * <p>A model stays as long as one of its sessions is open; the next one reads the file again.
 */
final class SharedModels {
  private final Map<String, Shared> open = new HashMap<>();

  private static final class Shared {
    final NativeModel model;
    int sessions;

    Shared(NativeModel model) {
      this.model = model;
    }
  }

  EngineSession open(Model model, InterpreterSettings settings) {
    Shared shared;
    synchronized (this) {
      shared = open.get(model.sha256());
      if (shared == null) {
        shared = new Shared(NativeModel.read(model.path()));
        open.put(model.sha256(), shared);
      }
      shared.sessions++;
    }
    NativeInterpreter interpreter;
    try {
      interpreter = shared.model.interpreter(settings);
    } finally {
      release(model.sha256(), shared);
    }
    return interpreter;
  }

  /** An interpreter keeps its model's memory alive by itself; here only the sharing ends. */
  private synchronized void release(String key, Shared shared) {
    shared.sessions--;
    if (shared.sessions == 0) {
      open.remove(key);
      shared.model.close();
    }
  }
}
