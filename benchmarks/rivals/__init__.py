"""The benchmark's job as competent users write it in DuckDB SQL, polars and pandas: same claims in, same tables out."""
