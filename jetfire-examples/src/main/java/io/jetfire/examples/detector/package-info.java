/** The item detector of the quickstart: its scenes, its network and its loss. */
@NullMarked
package io.jetfire.examples.detector;

import org.jspecify.annotations.NullMarked;
