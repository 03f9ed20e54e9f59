import { languages, Popover, useMessages, type Language } from "@headrace/ui-kit";
import { shellMessages } from "./messages.ts";
import { usePreferences } from "./preferences-context.tsx";
import { themes } from "./preferences.ts";

const languageNames: Readonly<Record<Language, string>> = { en: "English", zh: "简体中文" };

/** Theme, language, keys. */
export function ViewMenu({ onHelp }: { readonly onHelp: () => void }) {
  const t = useMessages(shellMessages);
  const { preferences, change } = usePreferences();
  return (
    <Popover look="quiet" align="right" label={`${t("settings")} ▾`}>
      {(close) => (
        <>
          <p className="popover-title">{t("theme")}</p>
          {themes.map((theme) => (
            <label key={theme} className="check">
              <input
                type="radio"
                name="theme"
                checked={preferences.theme === theme}
                onChange={() => change("theme", theme)}
              />{" "}
              {t(`theme.${theme}`)}
            </label>
          ))}
          <p className="popover-title">{t("language")}</p>
          {languages.map((language) => (
            <label key={language} className="check" lang={language === "zh" ? "zh-CN" : "en"}>
              <input
                type="radio"
                name="language"
                checked={preferences.language === language}
                onChange={() => change("language", language)}
              />{" "}
              {languageNames[language]}
            </label>
          ))}
          <button
            type="button"
            className="option"
            onClick={() => {
              close();
              onHelp();
            }}
          >
            {t("keys")} <kbd>?</kbd>
          </button>
        </>
      )}
    </Popover>
  );
}
