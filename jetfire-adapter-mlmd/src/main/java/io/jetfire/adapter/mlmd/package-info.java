/**
 * Metadata store {@code mlmd-sqlite}: an SQLite file that ML Metadata's own library and server open
 * as theirs.
 */
@NullMarked
package io.jetfire.adapter.mlmd;

import org.jspecify.annotations.NullMarked;
