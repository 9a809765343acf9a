/** What connects the API with the engine. Not for users or adapters: it changes without notice. */
@NullMarked
package io.jetfire.internal;

import org.jspecify.annotations.NullMarked;
